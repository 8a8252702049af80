use std::{borrow::Cow, fmt, sync::Arc};

use http::{HeaderName, header, request::Parts};

use crate::{ConfigError, FormBody, PathParams, SessionId};

/// Where a request carries its session id.
///
/// Cookies and headers are also where the response sends it. The other sources are read-only: an id found
/// there is never sent back, so that a link cannot plant a session into a victim's cookie (as in
/// [CVE-2024-38513](https://nvd.nist.gov/vuln/detail/CVE-2024-38513)).
///
/// Ids in query strings, forms and paths leak through logs, the `Referer` header and the browser's history.
/// Prefer cookies; in a chain, name the safest source first.
///
/// ```
/// use cloakroom_session::Extractor;
///
/// let browsers_and_apps = Extractor::chain([Extractor::cookie("__Host-id"), Extractor::bearer()]);
/// # let _ = browsers_and_apps;
/// ```
#[derive(Clone)]
pub struct Extractor(Source);

type Custom = dyn Fn(&Parts) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Source {
    Cookie(Arc<str>),
    Header(Arc<str>),
    Bearer,
    Query(Arc<str>),
    Form(Arc<str>),
    PathParam(Arc<str>),
    Custom(Arc<Custom>),
    Chain(Arc<[Extractor]>),
}

/// A place in the response that can carry an id.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Sink {
    Cookie(Arc<str>),
    Header(Arc<str>),
}

/// Where an id was found, which decides where it goes back.
#[derive(Clone)]
pub(crate) enum Origin {
    /// Nowhere: the request carried none.
    Nowhere,
    /// In a cookie or a header.
    Sink(Sink),
    /// In a source that is never written to.
    ReadOnly,
}

impl Extractor {
    /// The cookie of that name. Several of that name with different ids are none: one of them may be planted.
    ///
    /// Another site of the same domain can plant a cookie that the browser sends here too, unless the name begins with
    /// `__Host-`, as the default's does. Which of two is genuine cannot be told, so neither is taken. Cookies that
    /// cannot be ids do not count.
    pub fn cookie(name: impl Into<Arc<str>>) -> Self {
        Self(Source::Cookie(name.into()))
    }

    /// The header of that name, in any case; the response carries the id in the same header.
    pub fn header(name: impl Into<Arc<str>>) -> Self {
        Self(Source::Header(name.into()))
    }

    /// `Authorization: Bearer <id>` ([RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)):
    /// the scheme in any case, exactly one space, `token68` characters only; a repeated header counts as none.
    /// Read-only.
    #[must_use]
    pub const fn bearer() -> Self {
        Self(Source::Bearer)
    }

    /// The query parameter of that name; the first, where there are several. Read-only.
    pub fn query(name: impl Into<Arc<str>>) -> Self {
        Self(Source::Query(name.into()))
    }

    /// The field of that name in an `application/x-www-form-urlencoded` body of up to 64 KiB, which the handler
    /// still reads as usual. (Not in `multipart/form-data`.) Read-only.
    pub fn form(name: impl Into<Arc<str>>) -> Self {
        Self(Source::Form(name.into()))
    }

    /// The path parameter of that name: axum's with the feature `axum`, elsewhere what the router left in
    /// [`PathParams`]. Percent-decoded; a bad escape counts as none. Read-only.
    pub fn path_param(name: impl Into<Arc<str>>) -> Self {
        Self(Source::PathParam(name.into()))
    }

    /// Whatever `extract` finds in the request's head. Read-only.
    pub fn custom(extract: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Source::Custom(Arc::new(extract)))
    }

    /// The first of several that finds an id. An empty chain finds none.
    pub fn chain(extractors: impl IntoIterator<Item = Self>) -> Self {
        Self(Source::Chain(extractors.into_iter().collect()))
    }

    /// The well-formed id that the request carries, and where.
    pub(crate) fn extract(&self, parts: &Parts) -> Option<(SessionId, Origin)> {
        if let Source::Chain(extractors) = &self.0 {
            return extractors.iter().find_map(|extractor| extractor.extract(parts));
        }
        let id = SessionId::parse(&self.token(parts)?)?;
        Some((id, self.sink().map_or(Origin::ReadOnly, Origin::Sink)))
    }

    fn token<'a>(&self, parts: &'a Parts) -> Option<Cow<'a, str>> {
        match &self.0 {
            Source::Cookie(name) => cookie(parts, name).map(Cow::Borrowed),
            Source::Header(name) => parts.headers.get(&**name)?.to_str().ok().map(Cow::Borrowed),
            Source::Bearer => bearer(parts).map(Cow::Borrowed),
            Source::Query(name) => pair(parts.uri.query()?.as_bytes(), name),
            Source::Form(name) => pair(parts.extensions.get::<FormBody>()?.as_bytes(), name),
            Source::PathParam(name) => parts.extensions.get::<PathParams>()?.get(name).map(Cow::Borrowed),
            Source::Custom(extract) => extract(parts).map(Cow::Owned),
            Source::Chain(_) => None,
        }
    }

    fn sink(&self) -> Option<Sink> {
        match &self.0 {
            Source::Cookie(name) => Some(Sink::Cookie(name.clone())),
            Source::Header(name) => Some(Sink::Header(name.clone())),
            _ => None,
        }
    }

    /// Every configured cookie and header, each once.
    pub(crate) fn sinks(&self) -> Vec<Sink> {
        let mut sinks = Vec::new();
        self.visit(&mut |extractor| {
            if let Some(sink) = extractor.sink().filter(|sink| !sinks.contains(sink)) {
                sinks.push(sink);
            }
        });
        sinks
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let mut checked = Ok(());
        self.visit(&mut |extractor| {
            if let Source::Header(name) = &extractor.0
                && HeaderName::from_bytes(name.as_bytes()).is_err()
            {
                checked = Err(ConfigError::HeaderName { name: name.to_string() });
            }
        });
        checked
    }

    pub(crate) fn reads_form(&self) -> bool {
        let mut reads = false;
        self.visit(&mut |extractor| reads |= matches!(extractor.0, Source::Form(_)));
        reads
    }

    #[cfg(feature = "axum")]
    pub(crate) fn reads_path(&self) -> bool {
        let mut reads = false;
        self.visit(&mut |extractor| reads |= matches!(extractor.0, Source::PathParam(_)));
        reads
    }

    fn visit(&self, visitor: &mut impl FnMut(&Self)) {
        match &self.0 {
            Source::Chain(extractors) => extractors.iter().for_each(|extractor| extractor.visit(visitor)),
            _ => visitor(self),
        }
    }
}

/// One value is wanted, as it stands (RFC 6265, section 4.2.1); parsing every cookie would cost more than the rest of
/// the extraction. Of a name nothing but spaces is trimmed: browsers let anybody set a cookie with the prefix `__Host-`
/// after some other white space.
fn cookie<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let headers = parts.headers.get_all(header::COOKIE).iter();
    let pairs = headers.flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'));
    let values = pairs.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let is_ours = pair[..equals].trim_ascii() == name.as_bytes();
        if is_ours { str::from_utf8(pair[equals + 1..].trim_ascii()).ok() } else { None }
    });
    let mut ids = values.filter(|value| SessionId::is_well_formed(value));
    let id = ids.next()?;
    ids.all(|other| other == id).then_some(id)
}

fn bearer(parts: &Parts) -> Option<&str> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(credentials), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = credentials.to_str().ok()?.split_once(' ')?;
    let characters = token.trim_end_matches('=');
    // RFC 9110, section 11.2, token68.
    let is_token68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let well_formed = !characters.is_empty() && characters.bytes().all(is_token68);
    (scheme.eq_ignore_ascii_case("bearer") && well_formed).then_some(token)
}

fn pair<'a>(encoded: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(encoded).find(|(key, _)| key == name).map(|(_, value)| value)
}

impl fmt::Debug for Extractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Cookie(name) => f.debug_tuple("cookie").field(name).finish(),
            Source::Header(name) => f.debug_tuple("header").field(name).finish(),
            Source::Bearer => f.write_str("bearer"),
            Source::Query(name) => f.debug_tuple("query").field(name).finish(),
            Source::Form(name) => f.debug_tuple("form").field(name).finish(),
            Source::PathParam(name) => f.debug_tuple("path_param").field(name).finish(),
            Source::Custom(_) => f.write_str("custom"),
            Source::Chain(extractors) => f.debug_list().entries(extractors.iter()).finish(),
        }
    }
}
