//! Whatever may be stored in place of a session, and of the list of somebody's sessions: it is refused and kept as it
//! is, or read, and then what is written of it is read as the same.

#![no_main]

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use cloakroom::{Clock, Excess, IdGenerator, Session, SessionConfig, SessionError, Store};
use cloakroom_fuzz::{Shelf, now};
use http::Request;
use libfuzzer_sys::fuzz_target;

const ID: &str = "session-0";
const PRINCIPAL: &str = "user:42";

/// The first byte: the newest version of a session, or what is left under an id that was renewed.
const NEWEST: u8 = 3;
const FORWARDER: u8 = 0xf1;

fuzz_target!(|stored: &[u8]| {
    let stored = Bytes::copy_from_slice(stored);
    session(&stored);
    list(&stored, store);
    list(&stored, store_with_limit);
});

fn session(stored: &Bytes) {
    let shelf = Arc::new(Shelf::with([(KEYS.session.clone(), stored.clone())]));
    let store = store(&shelf, 1);
    let kind = stored.first().copied();
    let session = match now(store.load_by_id(ID)) {
        Ok(session) => session,
        Err(SessionError::NotFound) => {
            // A forwarder to nowhere, or what is past its deadline.
            return assert!(kind == Some(FORWARDER) || shelf.contents().is_empty());
        }
        Err(error) => {
            let is_newer = kind.is_some_and(|version| version > NEWEST && version != FORWARDER);
            assert_eq!(matches!(error, SessionError::UnsupportedVersion { .. }), is_newer, "{error:?}");
            assert!(is_newer || matches!(error, SessionError::Corrupt), "{error:?}");
            return assert_eq!(shelf.contents()[&KEYS.session], stored, "it stays as it is");
        }
    };
    let seen = observe(&session);
    if session.idle_remaining().is_zero() {
        return;
    }
    let again = moved(&store, &session);
    assert_eq!(observe(&again), seen);
    let written = stored_sessions(&shelf);
    let third = moved(&store, &again);
    assert_eq!(observe(&third), seen);
    assert_eq!(stored_sessions(&shelf), written, "one content is written in one way");
}

/// The session as it is read under a new id, which makes everything be written anew.
fn moved(store: &Store, session: &Session) -> Session {
    session.regenerate().unwrap();
    now(session.save()).unwrap();
    now(store.load_by_id(session.id().as_str())).unwrap()
}

fn stored_sessions(shelf: &Shelf) -> Vec<Bytes> {
    let sessions = shelf.contents().into_iter().filter(|(key, _)| !key.starts_with("principal."));
    sessions.map(|(_, value)| value).collect()
}

/// All that an application can see of a session.
fn observe(session: &Session) -> Vec<String> {
    let mut seen = vec![format!(
        "{:?} {:?} {:?} {:?} {}",
        session.principal(),
        session.created_at(),
        session.idle_remaining(),
        session.absolute_remaining(),
        session.authenticated_within(Duration::from_secs(60)),
    )];
    for key in session.keys() {
        seen.push(format!(
            "{key} {:?} {:?} {:?} {:?} {:?}",
            session.get::<u64>(&key),
            session.get::<String>(&key),
            session.get::<Vec<u8>>(&key),
            session.get::<Vec<String>>(&key),
            session.get::<BTreeMap<String, f64>>(&key),
        ));
    }
    seen
}

fn list(stored: &Bytes, store: fn(&Arc<Shelf>, u64) -> Store) {
    let contents = [(KEYS.list.clone(), stored.clone()), (KEYS.session.clone(), KEYS.signed_in.clone())];
    let shelf = Arc::new(Shelf::with(contents));
    let store = store(&shelf, 1);
    let Ok(listed) = now(store.sessions_of(PRINCIPAL)) else {
        now(store.revoke(PRINCIPAL, None)).unwrap_err();
        return assert_eq!(shelf.contents()[&KEYS.list], stored, "it stays as it is");
    };
    let (parts, ()) = Request::new(()).into_parts();
    let another = now(store.load(&parts)).unwrap();
    another.bind(PRINCIPAL).unwrap();
    now(another.save()).unwrap();
    let with_another = now(store.sessions_of(PRINCIPAL)).unwrap();
    assert!(with_another.iter().any(|session| session.is(&another)), "who signs in is listed");

    let revoked = now(store.revoke(PRINCIPAL, None)).unwrap();
    assert!((1..=listed.len() + 1).contains(&revoked), "{revoked}");
    assert!(now(store.sessions_of(PRINCIPAL)).unwrap().is_empty());
    assert!(matches!(now(store.load_by_id(another.id().as_str())), Err(SessionError::NotFound)));
}

/// Where things are stored, learned from a sign-in.
struct Keys {
    session: String,
    list: String,
    signed_in: Bytes,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let shelf = Arc::new(Shelf::default());
    let (parts, ()) = Request::new(()).into_parts();
    // Its first id goes to the visitor, the second to who signs in.
    let generator = AtomicU64::new(0);
    let ids = IdGenerator::custom(move || match generator.fetch_add(1, Ordering::Relaxed) {
        0 => "visitor".to_owned(),
        _ => ID.to_owned(),
    });
    let session =
        now(Store::with_config(shelf.clone(), config().id_generator(ids)).unwrap().load(&parts)).unwrap();
    session.bind_with(PRINCIPAL, "a browser").unwrap();
    now(session.save()).unwrap();
    let (mut lists, mut sessions): (Vec<_>, Vec<_>) =
        shelf.contents().into_iter().partition(|(key, _)| key.starts_with("principal."));
    let ((list, _), (session, signed_in)) = (lists.remove(0), sessions.remove(0));
    Keys { session, list, signed_in }
});

fn config() -> SessionConfig {
    let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    SessionConfig::default().clock(Clock::custom(move || now))
}

fn with_ids(config: SessionConfig, first: u64) -> SessionConfig {
    let next = AtomicU64::new(first);
    config.id_generator(IdGenerator::custom(move || {
        format!("session-{}", next.fetch_add(1, Ordering::Relaxed))
    }))
}

fn store(shelf: &Arc<Shelf>, first_id: u64) -> Store {
    Store::with_config(shelf.clone(), with_ids(config(), first_id)).unwrap()
}

fn store_with_limit(shelf: &Arc<Shelf>, first_id: u64) -> Store {
    let config = config().max_sessions(NonZeroUsize::new(2).unwrap(), Excess::EvictOldest);
    Store::with_config(shelf.clone(), with_ids(config, first_id)).unwrap()
}
