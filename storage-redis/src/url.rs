//! The URL of a server, of sentinels, or of a cluster. Several hosts in one URL are beyond general URL parsers.

use std::{path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;

/// Where the data is and how to get at it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    pub(crate) credentials: Credentials,
    pub(crate) database: i64,
    pub(crate) root_certificate: Option<PathBuf>,
    /// Certificate and private key.
    pub(crate) client_certificate: Option<(PathBuf, PathBuf)>,
    pub(crate) wait_replicas: Option<usize>,
    pub(crate) wait_timeout: Option<Duration>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Server(Host),
    Socket(PathBuf),
    Sentinels { sentinels: Vec<Host>, service: String },
    Cluster(Vec<Host>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// No `Debug`: it would show the passwords.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) sentinel_username: Option<String>,
    pub(crate) sentinel_password: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Server,
    Socket,
    Sentinels,
    Cluster,
}

const OPTIONS: &str = "unknown option; the known ones are `root_certificate`, `client_certificate`, `client_key`, \
                       `wait_replicas`, `wait_timeout_ms`, with sentinels also `service`, `sentinel_username` and \
                       `sentinel_password`, with a socket also `db`";

/// Says which rule the URL breaks and shows nothing of it, as any part may be one of a password.
pub(crate) fn parse(url: &str) -> Result<Location, &'static str> {
    let (scheme, rest) = url.split_once(':').ok_or("it has no scheme; a URL begins as in `redis://`")?;
    let (shape, tls) = shape(scheme)?;
    let rest =
        rest.strip_prefix("//").ok_or("`//` is missing after the scheme, as in `redis://host:6379`")?;
    if rest.contains('#') {
        return Err("it has a `#`; percent-encode it in a password as `%23`");
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if path.contains('@') || query.contains('@') {
        return Err(
            "an `@` follows the host; percent-encode `/`, `?` and `@` in a password as `%2F`, `%3F` and `%40`",
        );
    }
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (username, password) = credentials(user)?;
    let mut location = Location {
        place: place(shape, hosts, path)?,
        tls,
        credentials: Credentials { username, password, ..Credentials::default() },
        database: if shape == Shape::Socket { 0 } else { database(path.trim_start_matches('/'))? },
        root_certificate: None,
        client_certificate: None,
        wait_replicas: None,
        wait_timeout: None,
    };
    read_options(&mut location, query)?;
    if tls && shape == Shape::Socket {
        return Err("a socket in the file system has no TLS");
    }
    if !tls && (location.root_certificate.is_some() || location.client_certificate.is_some()) {
        return Err("it names a certificate but no TLS; begin it with `rediss` in place of `redis`");
    }
    if let Place::Sentinels { service, .. } = &location.place
        && service.is_empty()
    {
        return Err("sentinels watch services by name; add `?service=mymaster`");
    }
    Ok(location)
}

fn shape(scheme: &str) -> Result<(Shape, bool), &'static str> {
    let scheme = scheme.to_ascii_lowercase();
    let (engine, shape) = scheme.split_once('+').unwrap_or((&scheme, ""));
    let known = "the known schemes are `redis`, `rediss`, `redis+cluster`, `rediss+cluster`, `redis+sentinel`, \
                 `rediss+sentinel`, and `redis+unix`, each also with `valkey` for `redis`";
    let tls = match engine {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(known),
    };
    let shape = match shape {
        "" if scheme.ends_with('+') => return Err(known),
        "" => Shape::Server,
        "unix" => Shape::Socket,
        "sentinel" => Shape::Sentinels,
        "cluster" => Shape::Cluster,
        _ => return Err(known),
    };
    Ok((shape, tls))
}

fn credentials(user: &str) -> Result<(Option<String>, Option<String>), &'static str> {
    let (username, password) = match user.split_once(':') {
        Some((username, password)) => (username, Some(password)),
        None => (user, None),
    };
    if password.is_none() && !username.is_empty() {
        return Err("there is a user but no password; a password alone is written `redis://:password@host`");
    }
    let present = |text: &&str| !text.is_empty();
    Ok((
        Some(username).filter(present).map(decoded).transpose()?,
        password.filter(present).map(decoded).transpose()?,
    ))
}

fn place(shape: Shape, hosts: &str, path: &str) -> Result<Place, &'static str> {
    if shape == Shape::Socket {
        if !hosts.is_empty() || path.len() < 2 {
            return Err("a socket is given by its path alone, as in `redis+unix:///run/redis.sock`");
        }
        return Ok(Place::Socket(decoded(path)?.into()));
    }
    let default_port = if shape == Shape::Sentinels { 26_379 } else { 6_379 };
    let mut hosts = hosts.split(',').map(|text| host(text, default_port)).collect::<Result<Vec<_>, _>>()?;
    match shape {
        Shape::Sentinels => Ok(Place::Sentinels { sentinels: hosts, service: String::new() }),
        Shape::Cluster => Ok(Place::Cluster(hosts)),
        _ if hosts.len() > 1 => {
            Err("it has several hosts; begin it with `redis+cluster` or `redis+sentinel`, or name one host")
        }
        _ => hosts.pop().map(Place::Server).ok_or("the host is missing"),
    }
}

fn host(text: &str, default_port: u16) -> Result<Host, &'static str> {
    let malformed = "a host or its port is malformed; hosts are written `name`, `name:6379`, `[::1]:6379`, several \
                     with commas, and `/`, `?`, `@` in a password are percent-encoded";
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(malformed)?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(malformed)?) };
        (address, port)
    } else {
        match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    if name.is_empty() {
        return Err("the host is missing; a URL is as `redis://host:6379`");
    }
    let port = port.map_or(Ok(default_port), |port| port.parse().map_err(|_| malformed))?;
    Ok(Host { name: decoded(name)?, port })
}

fn database(text: &str) -> Result<i64, &'static str> {
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or("the path is the number of a database, as in `redis://host:6379/0`")
}

fn read_options(location: &mut Location, query: &str) -> Result<(), &'static str> {
    let (mut certificate, mut key) = (None, None);
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = decoded(value)?;
        match (name, &mut location.place) {
            ("root_certificate", _) => location.root_certificate = Some(value.into()),
            ("client_certificate", _) => certificate = Some(PathBuf::from(value)),
            ("client_key", _) => key = Some(PathBuf::from(value)),
            ("wait_replicas", _) => {
                location.wait_replicas =
                    Some(value.parse().map_err(|_| "`wait_replicas` is a number of replicas, such as 1")?);
            }
            ("wait_timeout_ms", _) => {
                let millis = value.parse().ok().filter(|millis| *millis > 0);
                let millis = millis.ok_or("`wait_timeout_ms` is a number of milliseconds above zero")?;
                location.wait_timeout = Some(Duration::from_millis(millis));
            }
            ("service", Place::Sentinels { service, .. }) => *service = value,
            ("sentinel_username", Place::Sentinels { .. }) => {
                location.credentials.sentinel_username = Some(value);
            }
            ("sentinel_password", Place::Sentinels { .. }) => {
                location.credentials.sentinel_password = Some(value);
            }
            ("db", Place::Socket(_)) => location.database = database(&value)?,
            _ => return Err(OPTIONS),
        }
    }
    location.client_certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("`client_certificate` and `client_key` go together"),
    };
    Ok(())
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "something percent-encoded in it is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    fn location(url: &str) -> Location {
        parse(url).unwrap_or_else(|reason| panic!("{url}: {reason}"))
    }

    #[test]
    fn a_server_is_a_host_a_port_and_a_database() {
        for (url, place, tls, database) in [
            ("redis://cache", Place::Server(host("cache", 6379)), false, 0),
            ("REDISS://cache:7000/", Place::Server(host("cache", 7000)), true, 0),
            ("valkey://10.0.0.1/3", Place::Server(host("10.0.0.1", 6379)), false, 3),
            ("valkeys://[::1]:7000/3", Place::Server(host("::1", 7000)), true, 3),
            ("redis+unix:///run/redis.sock?db=2", Place::Socket("/run/redis.sock".into()), false, 2),
            ("valkey+unix:///run/a%20b", Place::Socket("/run/a b".into()), false, 0),
        ] {
            let location = location(url);
            assert!(location.place == place, "{url}");
            assert_eq!((location.tls, location.database), (tls, database), "{url}");
        }
    }

    #[test]
    fn clusters_and_sentinels_are_several_hosts() {
        let cluster = location("rediss+cluster://a:1,b,[::1]:3");
        assert!(cluster.tls);
        assert_eq!(cluster.place, Place::Cluster(vec![host("a", 1), host("b", 6379), host("::1", 3)]));
        let sentinels = location("valkey+sentinel://u:p@a:1,b/4?service=my%20master&sentinel_password=s%26");
        assert_eq!(
            sentinels.place,
            Place::Sentinels {
                sentinels: vec![host("a", 1), host("b", 26_379)],
                service: "my master".to_owned()
            }
        );
        assert_eq!(sentinels.database, 4);
        assert_eq!(sentinels.credentials.sentinel_password.as_deref(), Some("s&"));
    }

    #[test]
    fn users_and_passwords_are_percent_decoded() {
        for (url, username, password) in [
            ("redis://host", None, None),
            ("redis://:p%40ss%2Fw+rd@host", None, Some("p@ss/w+rd")),
            ("redis://us%3Aer:a:b@host", Some("us:er"), Some("a:b")),
        ] {
            let credentials = location(url).credentials;
            assert_eq!(
                (credentials.username.as_deref(), credentials.password.as_deref()),
                (username, password)
            );
        }
    }

    #[test]
    fn options_are_read() {
        let location = location(
            "rediss://host?root_certificate=/etc/ca.pem&client_certificate=c&client_key=k&wait_replicas=2\
             &wait_timeout_ms=300",
        );
        assert_eq!(location.root_certificate, Some("/etc/ca.pem".into()));
        assert_eq!(location.client_certificate, Some(("c".into(), "k".into())));
        assert_eq!(location.wait_replicas, Some(2));
        assert_eq!(location.wait_timeout, Some(Duration::from_millis(300)));
    }

    #[test]
    fn a_malformed_url_is_refused_with_the_cure_and_without_its_secrets() {
        for (url, cure) in [
            ("hush", "no scheme"),
            ("hush://host", "known schemes"),
            ("redis+hush://host", "known schemes"),
            ("unix:///hush", "`redis+unix`"),
            ("redis+://host", "known schemes"),
            ("redis:host", "`//`"),
            ("redis://", "host is missing"),
            ("redis://:hush@", "host is missing"),
            ("redis://hush@host", "no password"),
            ("redis://:hu/sh@host", "%2F"),
            ("redis://:hu?sh@host", "%3F"),
            ("redis://:hu#sh@host", "%23"),
            ("redis://:hush@host:port", "malformed"),
            ("redis://host:1:2", "malformed"),
            ("redis://[::1", "malformed"),
            ("redis://a,b", "redis+cluster"),
            ("redis://host/hush", "number of a database"),
            ("redis://host/-1", "number of a database"),
            ("redis://host?hush=1", "known ones"),
            ("redis://host?service=hush", "known ones"),
            ("redis+sentinel://host", "?service="),
            ("redis+cluster://a,,b", "host is missing"),
            ("redis+unix://host/path", "path alone"),
            ("rediss+unix:///path", "no TLS"),
            ("redis://host?root_certificate=hush", "rediss"),
            ("rediss://host?client_key=hush", "go together"),
            ("redis://host?wait_replicas=hush", "number of replicas"),
            ("redis://host?wait_timeout_ms=0", "milliseconds"),
            ("redis://:%ff@host", "UTF-8"),
        ] {
            let Err(reason) = parse(url) else { panic!("{url} is accepted") };
            assert!(reason.contains(cure), "{url}: {reason}");
            assert!(!reason.contains("hush"), "{url}: {reason}");
        }
    }
}
