//! Sessions for tower and axum over any Cloakroom storage.
//!
//! Put [`SessionLayer`] around a router and take [`Session`] in a handler:
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Router, routing::get};
//! use cloakroom_session::{Session, SessionError, SessionLayer};
//! use cloakroom_storage_memory::MemoryStorage;
//!
//! async fn count(session: Session) -> Result<String, SessionError> {
//!     let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
//!     session.set("visits", &visits)?;
//!     Ok(format!("visit number {visits}"))
//! }
//!
//! let app: Router = Router::new()
//!     .route("/", get(count))
//!     .layer(SessionLayer::new(Arc::new(MemoryStorage::new())));
//! ```
//!
//! # What a request costs
//!
//! The session is loaded when a handler asks for it, and stored when something in it has changed: an anonymous
//! request costs no round trip to the storage, nor does one with a cookie whose handler leaves the session
//! alone; a read costs 1, a write 2, a sign-in ([`Session::regenerate`]) 3. Sessions with an idle timeout of
//! their own, and those nearer to their absolute deadline than to their idle one, may cost 1 more. Where ids are
//! renewed ([`SessionConfig::renew_after`]), the request that renews one costs 3 more.
//!
//! # What is stored
//!
//! The storage key is the SHA-256 of the id, the value a versioned envelope: creation time, deadline, and the
//! map of encoded values. Under an id that was renewed there is the new one for a moment, encrypted with the old one.
//! A copy of the database opens nobody's session.
//!
//! # Features
//!
//! - `axum`: [`Session`] as extractor, [`SessionError`] as response.
//! - `json`, `messagepack`: further [`Codec`]s.

#![cfg_attr(not(feature = "axum"), allow(rustdoc::broken_intra_doc_links))]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "axum")]
mod axum;
mod body;
mod changes;
mod clock;
mod codec;
mod config;
mod cookie;
mod emit;
mod envelope;
mod error;
mod error_handler;
mod extractor;
mod form;
mod forwarder;
mod id;
mod index;
mod key;
mod layer;
mod outage;
mod parts;
mod request;
mod save;
mod service;
mod session;
mod session_limit;
mod signed_in;
mod state;
mod store;
mod types;

pub use body::SessionBody;
pub use clock::Clock;
pub use codec::Codec;
pub use config::{SavePolicy, SessionConfig};
pub use cookie::{CookieOptions, SameSite};
pub use error::{ConfigError, SessionError};
pub use error_handler::{Stage, default_error_handler};
pub use extractor::Extractor;
pub use id::{IdGenerator, MAX_ID_BYTES, SessionId};
pub use key::{AsKey, Key};
pub use layer::{SessionLayer, SessionLayerBuilder};
pub use outage::Outage;
pub use parts::{FormBody, PathParams};
pub use service::SessionService;
pub use session::Session;
pub use session_limit::Excess;
pub use signed_in::SignedIn;
pub use store::Store;
