//! No key and no value is in the `Debug` of what a storage returns.

use cloakroom_storage::{Bytes, Cursor, Entry, Page, Swap, Touched};

#[test]
fn what_a_storage_returns_shows_no_key_and_no_value() {
    let value = Bytes::from("s3cret-value");
    let entry = Entry { key: "s3cret-key".to_owned(), value: value.clone(), ttl: None };
    let touched = Touched { value: value.clone(), extended: true, remaining: None };
    let swap = Swap::Conflict { current: Some(value) };
    let cursor = Cursor::new("s3cret-key");
    let page = Page { entries: vec![entry.clone()], next: Some(cursor.clone()) };
    let shown = format!("{entry:?} {touched:?} {swap:?} {cursor:?} {page:?} {page:#?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
