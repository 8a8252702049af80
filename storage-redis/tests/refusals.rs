//! What a server says, or that there is none, reaches the caller as a kind, a cause and a cure.

mod support;

use cloakroom_storage::{ErrorKind, Storage};
use support::{SECRET, connect, connecting, fake, fresh, is, refused};
use tokio::{io::AsyncWriteExt, net::TcpListener};

#[tokio::test]
async fn a_missing_password_is_misconfigured() {
    let host =
        fake(|_| "-NOAUTH HELLO must be called with the client already authenticated\r\n".to_owned()).await;
    is(&refused(&format!("redis://{host}")).await, ErrorKind::Misconfigured, "asks for a password");
}

#[tokio::test]
async fn sentinels_have_a_password_of_their_own() {
    let server = fake(|command| connecting(command, "role:master\r\n")).await;
    let port = server.rsplit_once(':').unwrap().1.to_owned();
    let sentinel = fake(move |command| {
        let says = |text: &str| command.iter().any(|word| word == text);
        match command[0].as_str() {
            "HELLO" if !says("AUTH") => {
                "-NOAUTH HELLO must be called with the client authenticated\r\n".to_owned()
            }
            "HELLO" if !says(SECRET) => "-WRONGPASS invalid username-password pair\r\n".to_owned(),
            "SENTINEL" => format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len()),
            _ => connecting(command, ""),
        }
    })
    .await;
    let url = format!("redis+sentinel://{sentinel}?service=main");
    is(&refused(&url).await, ErrorKind::Misconfigured, "add `sentinel_password`");
    let wrong = refused(&format!("{url}&sentinel_password=wrong")).await;
    is(&wrong, ErrorKind::Misconfigured, "check `sentinel_username` and `sentinel_password`");
    connect(&format!("{url}&sentinel_password={SECRET}"), &fresh()).await;
}

#[tokio::test]
async fn a_replica_is_refused() {
    let host = fake(|command| match command[0].as_str() {
        "ROLE" => "*1\r\n$5\r\nslave\r\n".to_owned(),
        _ => connecting(command, "role:slave\r\n"),
    })
    .await;
    is(&refused(&format!("redis://{host}")).await, ErrorKind::Unavailable, "replica");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unavailable() {
    for url in
        ["redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1?service=s"]
    {
        is(&refused(url).await, ErrorKind::Unavailable, "check host and port");
    }
    is(&refused("redis+unix:///no/such/socket").await, ErrorKind::Unavailable, "cannot be reached");
}

#[tokio::test]
async fn an_unknown_host_is_unavailable() {
    is(&refused("redis://no-such-host.invalid").await, ErrorKind::Unavailable, "host");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    is(&refused(&url).await, ErrorKind::Unavailable, "firewall");
}

#[tokio::test]
async fn what_is_no_redis_is_misconfigured() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    is(&refused(&url).await, ErrorKind::Misconfigured, "protocol");
}

#[tokio::test]
async fn a_malformed_url_is_misconfigured() {
    is(
        &refused(&format!("redis://:{SECRET}@host:port")).await,
        ErrorKind::Misconfigured,
        "port is malformed",
    );
}

#[tokio::test]
async fn every_answer_of_a_server_has_its_kind() {
    for (answer, kind, cure) in [
        ("-OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::Unavailable, "maxmemory"),
        ("-MISCONF Redis is configured to save RDB snapshots", ErrorKind::Unavailable, "disk"),
        ("-LOADING Redis is loading the dataset in memory", ErrorKind::Unavailable, "loading"),
        ("-READONLY You can't write against a read only replica.", ErrorKind::Unavailable, "replica"),
        ("-MASTERDOWN Link with MASTER is down", ErrorKind::Unavailable, "master"),
        ("-NOREPLICAS Not enough good replicas to write.", ErrorKind::Unavailable, "replicas"),
        ("-CLUSTERDOWN The cluster is down", ErrorKind::Unavailable, "CLUSTER INFO"),
        ("-TRYAGAIN Multiple keys request during rehashing of slot", ErrorKind::Unavailable, "rearranged"),
        ("-UNBLOCKED force unblock from blocking operation", ErrorKind::Unavailable, "became a replica"),
        ("-ERR WAIT cannot be used with replica instances.", ErrorKind::Unavailable, "became a replica"),
        ("-BUSY Redis is busy running a script.", ErrorKind::Unavailable, "SCRIPT KILL"),
        ("-NOAUTH Authentication required.", ErrorKind::Misconfigured, "password"),
        ("-NOPERM No permissions to access a key c0at", ErrorKind::Misconfigured, "ACL SETUSER"),
        ("-ERR unknown command 'SET', with args beginning with: 'c0at'", ErrorKind::Misconfigured, "6.2"),
        ("-ERR Error running script: @user_script:1: WRONGTYPE Operation", ErrorKind::Corrupt, "no string"),
        ("-WHATEVER c0at", ErrorKind::Other, "`WHATEVER`"),
        (":1", ErrorKind::Other, "does not have"),
    ] {
        let host = fake(move |command| match (command[0].as_str(), command.last().map(String::as_str)) {
            ("GET", _) => format!("{answer}\r\n"),
            _ => connecting(command, "role:master\r\n"),
        })
        .await;
        let storage = connect(&format!("redis://{host}"), &fresh()).await;
        is(&storage.get(SECRET).await.unwrap_err(), kind, cure);
    }
}
