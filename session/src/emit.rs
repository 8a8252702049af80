//! The way of an id back to the client.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    Store,
    extractor::{Origin, Sink},
    state::{Emission, State},
};

/// Where the id came from decides where it goes: the cookie or header that it was found in, every configured
/// one where there was none. A read-only source is never promoted: its session's id goes nowhere, a fresh id
/// (which nobody has seen) to every configured cookie and header.
pub(crate) fn emit(
    emission: Emission,
    state: &State,
    origin: &Origin,
    store: &Store,
    headers: &mut HeaderMap,
) {
    if emission == Emission::Nothing {
        return;
    }
    let sinks = match origin {
        Origin::Sink(sink) => vec![sink.clone()],
        Origin::ReadOnly if !state.fresh => Vec::new(),
        Origin::ReadOnly | Origin::Nowhere => store.config().extractor.sinks(),
    };
    for sink in sinks {
        match (sink, emission) {
            (Sink::Cookie(name), Emission::Send(age)) => {
                append_cookie(headers, store.cookie().carry(&name, state.id.as_str(), age));
            }
            (Sink::Cookie(name), _) => append_cookie(headers, store.cookie().expire(&name)),
            (Sink::Header(name), Emission::Send(_)) => insert_header(headers, &name, state.id.as_str()),
            (Sink::Header(_), _) => {}
        }
    }
}

fn append_cookie(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn insert_header(headers: &mut HeaderMap, name: &str, id: &str) {
    if let (Ok(name), Ok(mut id)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(id)) {
        id.set_sensitive(true);
        headers.insert(name, id);
    }
}
