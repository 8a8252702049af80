//! No key and no value is in the `Debug` of what a storage returns.

use cloakroom_storage::{Bytes, Cursor, Entry, Page, Swap, Touched};

#[test]
fn what_a_storage_returns_shows_no_key_and_no_value() {
    let value = Bytes::from("t1cket");
    let entry = Entry { key: "c0at".to_owned(), value: value.clone(), ttl: None };
    let touched = Touched { value: value.clone(), extended: true, remaining: None };
    let swap = Swap::Conflict { current: Some(value) };
    let cursor = Cursor::new("c0at");
    let page = Page { entries: vec![entry.clone()], next: Some(cursor.clone()) };
    let shown = format!("{entry:?} {touched:?} {swap:?} {cursor:?} {page:?} {page:#?}");
    assert!(!shown.contains("c0at") && !shown.contains("t1cket"), "{shown}");
}
