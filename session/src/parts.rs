//! What extractors need of a request beyond its head, left in the request's extensions.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

/// The `application/x-www-form-urlencoded` body of a request, for [`Extractor::form`](crate::Extractor::form).
///
/// The layer puts it into the request's extensions by itself. With [`Store::load`](crate::Store::load) and no
/// layer, whoever has read the body puts it there.
#[derive(Clone)]
pub struct FormBody(Bytes);

impl FormBody {
    /// The body, still encoded.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self(body.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A route's path parameters, for [`Extractor::path_param`](crate::Extractor::path_param) on other routers than
/// axum's: put it into the request's extensions before the layer sees the request.
///
/// ```
/// use cloakroom_session::PathParams;
///
/// let mut request = http::Request::get("/carts/c%32/items").body(()).unwrap();
/// request.extensions_mut().insert(PathParams::new([("cart", "c%32")]));
/// ```
#[derive(Clone, Default)]
pub struct PathParams(Vec<(String, String)>);

impl PathParams {
    /// Names and values, the values percent-encoded as they stand in the path. A value with a bad escape is
    /// left out.
    pub fn new<N: Into<String>, V: AsRef<str>>(params: impl IntoIterator<Item = (N, V)>) -> Self {
        let decoded = params.into_iter().filter_map(|(name, raw)| {
            let raw = raw.as_ref();
            let value = percent_decode_str(raw).decode_utf8().ok().filter(|_| has_only_whole_escapes(raw))?;
            Some((name.into(), value.into_owned()))
        });
        Self(decoded.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The parameters that axum's router found, which it has decoded; none where the path has a bad escape,
    /// which axum lets pass.
    #[cfg(feature = "axum")]
    pub(crate) async fn of_axum(parts: &mut http::request::Parts) -> Self {
        use axum::extract::{FromRequestParts, RawPathParams};

        if !has_only_whole_escapes(parts.uri.path()) {
            return Self::default();
        }
        let params = RawPathParams::from_request_parts(parts, &()).await;
        Self(params.iter().flatten().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn has_only_whole_escapes(raw: &str) -> bool {
    let is_whole = |escape: &[u8]| escape.len() >= 2 && escape[..2].iter().all(u8::is_ascii_hexdigit);
    raw.as_bytes().split(|byte| *byte == b'%').skip(1).all(is_whole)
}
