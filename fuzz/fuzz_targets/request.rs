//! Requests as hostile as can be, through the layer: no id of the client's making is ever adopted, no id goes where it
//! must not, nobody else's session is touched, and the handler gets the body that was sent.
//!
//! An input is what the handler does, where ids are looked for, and the URI, on one line; then headers, an empty line
//! and the body, as in HTTP.

#![no_main]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    str::FromStr,
    sync::{Arc, LazyLock, Mutex},
};

use bytes::Bytes;
use cloakroom::{
    Extractor, IdGenerator, PathParams, Session, SessionBody, SessionConfig, SessionLayer, Store,
};
use cloakroom_fuzz::{Shelf, now};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Empty, Full};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower::{Layer, ServiceExt, service_fn};

/// The id of the one session that is stored, and what all that are begun in a run start with.
const KNOWN: &str = "known";
const MADE: &str = "made-";
const COOKIE: &str = "id";
const HEADER: &str = "x-session";

fuzz_target!(|input: &[u8]| -> Corpus { if run(input).is_some() { Corpus::Keep } else { Corpus::Reject } });

fn run(input: &[u8]) -> Option<()> {
    let (head, body) = split(input, b"\n\n").unwrap_or((input, b""));
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut words = std::str::from_utf8(lines.next()?).ok()?.splitn(3, ' ');
    let (action, source, uri) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let (extractor, path_param) = (extractor(source)?, uri.rsplit('/').next()?.to_owned());
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.uri_mut() = Uri::from_str(uri).ok()?;
    for line in lines {
        let (name, value) = split(line, b":")?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
        request.headers_mut().append(HeaderName::from_bytes(name).ok()?, value);
    }
    request.extensions_mut().insert(PathParams::new([("id", path_param)]));
    check(action, source, extractor, request, body);
    Some(())
}

fn check(action: Action, source: &str, extractor: Extractor, request: Request<Full<Bytes>>, body: &[u8]) {
    let headers = request.headers().clone();
    let shelf = Arc::new(Shelf::with(BEFORE.clone()));
    let made = Arc::new(Mutex::new(Vec::new()));
    let config = SessionConfig::default().id_generator(generator(made.clone())).extractor(extractor);
    let layer =
        SessionLayer::builder(shelf.clone()).config(config.cookie(Default::default())).build().unwrap();
    let seen = Arc::new(Mutex::new(None));
    let service = {
        let seen = seen.clone();
        layer.layer(service_fn(move |request| handle(action, request, seen.clone())))
    };
    let response = now(service.oneshot(request)).unwrap();
    let Seen { id, is_fresh, body: received } = seen.lock().unwrap().take().unwrap();
    let made = made.lock().unwrap();
    let after = shelf.contents();

    assert_eq!(received, body);
    assert_eq!(response.status(), 200);
    assert_eq!(id, if is_fresh { &made[0] } else { KNOWN }, "the id is ours");
    check_ids(response.headers(), &headers, &made, source);
    check_contents(action, is_fresh, &after);
}

/// Cookie and header carry an id that this run has made, or the one that came by the same way.
fn check_ids(response: &HeaderMap, request: &HeaderMap, made: &[String], source: &str) {
    let cookies: Vec<_> = response.get_all(header::SET_COOKIE).iter().collect();
    let ids: Vec<_> = response.get_all(HEADER).iter().collect();
    assert_eq!(cookies.len() + ids.len(), response.len(), "no other header");
    assert!(cookies.len() <= usize::from(matches!(source, "cookie" | "chain")));
    assert!(ids.len() <= usize::from(matches!(source, "header" | "chain")));
    for cookie in cookies {
        let (pair, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
        let id = pair.strip_prefix(COOKIE).unwrap().strip_prefix('=').unwrap();
        assert_eq!(id.is_empty(), attributes.ends_with("; Max-Age=0"), "{cookie:?}");
        assert!(attributes.starts_with("HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age="), "{cookie:?}");
        assert!(id.is_empty() || may_go_to(id, request, header::COOKIE, made), "{cookie:?}");
    }
    for id in ids {
        let name = HeaderName::from_static(HEADER);
        assert!(may_go_to(id.to_str().unwrap(), request, name, made), "{id:?}");
    }
}

fn may_go_to(id: &str, request: &HeaderMap, by: HeaderName, made: &[String]) -> bool {
    let came_by_it =
        || request.get_all(by).iter().any(|value| split(value.as_bytes(), id.as_bytes()).is_some());
    made.iter().any(|it| it == id) || id == KNOWN && came_by_it()
}

/// What is stored afterwards follows from what the handler did to which session.
fn check_contents(action: Action, is_fresh: bool, after: &BTreeMap<String, Bytes>) {
    let known = BEFORE.keys().next().unwrap();
    let is_untouched = after.get(known) == BEFORE.get(known);
    let others = after.len() - usize::from(after.contains_key(known));
    let expected = match (action, is_fresh) {
        (Action::Look, _) | (Action::Destroy, true) => (true, 0),
        (Action::Set | Action::Regenerate | Action::Reset, true) => (true, 1),
        (Action::Set | Action::Destroy, false) => (false, 0),
        (Action::Regenerate | Action::Reset, false) => (false, 1),
    };
    assert_eq!((is_untouched, others), expected);
    assert_eq!(after.contains_key(known), is_untouched || matches!(action, Action::Set));
}

#[derive(Clone, Copy)]
enum Action {
    Look,
    Set,
    Regenerate,
    Reset,
    Destroy,
}

impl FromStr for Action {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Ok(match word {
            "look" => Self::Look,
            "set" => Self::Set,
            "regenerate" => Self::Regenerate,
            "reset" => Self::Reset,
            "destroy" => Self::Destroy,
            _ => return Err(()),
        })
    }
}

fn extractor(source: &str) -> Option<Extractor> {
    let all = ["cookie", "header", "bearer", "query", "form", "path"];
    Some(match source {
        "cookie" => Extractor::cookie(COOKIE),
        "header" => Extractor::header(HEADER),
        "bearer" => Extractor::bearer(),
        "query" => Extractor::query("id"),
        "form" => Extractor::form("id"),
        "path" => Extractor::path_param("id"),
        "chain" => Extractor::chain(all.into_iter().filter_map(extractor)),
        _ => return None,
    })
}

/// Ids that are told apart from any that a client knows.
fn generator(made: Arc<Mutex<Vec<String>>>) -> IdGenerator {
    IdGenerator::custom(move || {
        let mut made = made.lock().unwrap();
        let id = format!("{MADE}{}", made.len());
        made.push(id.clone());
        id
    })
}

/// What the handler saw.
struct Seen {
    id: String,
    is_fresh: bool,
    body: Bytes,
}

async fn handle(
    action: Action,
    request: Request<SessionBody<Full<Bytes>>>,
    seen: Arc<Mutex<Option<Seen>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let session = Session::from_extensions(&parts.extensions).await.unwrap().unwrap();
    let (id, is_fresh) = (session.id().as_str().to_owned(), session.is_fresh());
    match action {
        Action::Look => assert_eq!(session.keys().is_empty(), is_fresh),
        Action::Set => session.set("n", &2_u64).unwrap(),
        Action::Regenerate => session.regenerate().unwrap(),
        Action::Reset => session.reset().await.unwrap(),
        Action::Destroy => session.destroy().await.unwrap(),
    }
    *seen.lock().unwrap() = Some(Seen { id, is_fresh, body: body.collect().await.unwrap().to_bytes() });
    Ok(Response::new(Empty::new()))
}

/// What is stored before each run: a session with the known id.
static BEFORE: LazyLock<BTreeMap<String, Bytes>> = LazyLock::new(|| {
    let shelf = Arc::new(Shelf::default());
    let config = SessionConfig::default().id_generator(IdGenerator::custom(|| KNOWN.to_owned()));
    let (parts, ()) = Request::new(()).into_parts();
    let session = now(Store::with_config(shelf.clone(), config).unwrap().load(&parts)).unwrap();
    session.set("n", &1_u64).unwrap();
    now(session.save()).unwrap();
    shelf.contents()
});

fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}
