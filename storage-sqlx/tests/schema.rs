//! The table is created once, checked always, and may have any name.

mod support;

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{ErrorKind, Storage};
use cloakroom_storage_sqlx::{PostgresConfig, PostgresStorage};
use support::{Options, SECRET, Server, bytes, fresh, is};

async fn eight_that_start_at_once_make_one_table(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("starters")));
    let (start, server) = (std::sync::Arc::new(tokio::sync::Barrier::new(8)), std::sync::Arc::new(server));
    let starting: Vec<_> = (0..8)
        .map(|_| {
            let (start, server, options) = (start.clone(), server.clone(), options.clone());
            tokio::spawn(async move {
                start.wait().await;
                server.open(&options).await
            })
        })
        .collect();
    for started in starting {
        let storage = started.await.unwrap().unwrap();
        storage.set("key", bytes("value"), None).await.unwrap();
    }
    assert_eq!(server.count(&options.table).await, 1);
    server.drop_table(&options.table).await;
}

async fn a_newer_schema_is_refused(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("newer")));
    server.open(&options).await.unwrap();
    server.run(&format!("UPDATE {} SET v = '2'", server.quote(&options.table))).await;
    is(&server.open(&options).await.err().unwrap(), ErrorKind::Misconfigured, "newer release");
    server.drop_table(&options.table).await;
}

async fn a_table_with_another_column_is_refused_by_its_name(url: String) {
    let server = Server::new(&url).await;
    let (bytes, blob) =
        if server.is_postgres() { ("bytea", "bytea") } else { ("varbinary(576)", "longblob") };
    let text = if server.is_postgres() { "text" } else { "varchar(576) COLLATE utf8mb4_general_ci" };
    let small = if server.is_postgres() { "text" } else { "blob" };
    let folding = if server.is_postgres() {
        server.run("CREATE EXTENSION IF NOT EXISTS citext").await;
        "citext"
    } else {
        "varchar(191) COLLATE utf8mb4_unicode_ci"
    };
    for (columns, named) in [
        (format!("k {text} PRIMARY KEY, v {blob} NOT NULL, expires_at bigint"), "column k"),
        (format!("k {folding} PRIMARY KEY, v {blob} NOT NULL, expires_at bigint"), "column k"),
        (format!("k {bytes} PRIMARY KEY, v {small} NOT NULL, expires_at bigint"), "column v"),
        (format!("k {bytes} PRIMARY KEY, v {blob} NOT NULL, expires_at int"), "column expires_at"),
        (format!("k {bytes} PRIMARY KEY, v {blob} NOT NULL"), "column expires_at"),
        (format!("k {bytes} PRIMARY KEY, v {blob} NOT NULL, expires_at bigint, w int NOT NULL"), "column w"),
        (format!("k {bytes} NOT NULL, v {blob} NOT NULL, expires_at bigint"), "key"),
    ] {
        let options = Options::of(&fresh("columns"));
        server.run(&format!("CREATE TABLE {} ({columns})", server.quote(&options.table))).await;
        is(&server.open(&options).await.err().unwrap(), ErrorKind::Misconfigured, named);
        server.drop_table(&options.table).await;
    }
}

async fn a_schema_that_does_not_exist_is_misconfigured(url: String) {
    let table = fresh("nowhere");
    let config = PostgresConfig::new(url).with_schema("no_such_schema").with_table(&table);
    let error = PostgresStorage::connect(&config).await.unwrap_err();
    is(&error, ErrorKind::Misconfigured, "the schema does not exist; create it, or configure another");
    let error = PostgresStorage::connect(&config.with_create_table(false)).await.unwrap_err();
    is(&error, ErrorKind::Misconfigured, "\"no_such_schema\".");
}

async fn a_table_may_have_columns_of_its_owner(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("owner")));
    server.open(&options).await.unwrap();
    server
        .run(&format!(
            "ALTER TABLE {} ADD note int, ADD kind int NOT NULL DEFAULT 1",
            server.quote(&options.table)
        ))
        .await;
    let storage = server.open(&options).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    server.drop_table(&options.table).await;
}

async fn a_table_may_have_any_name(url: String) {
    let server = Server::new(&url).await;
    let unique = fresh("");
    for odd in ["\"; DROP TABLE x; --", "`", "'", "$1 ?1 {table}", "%s", "Ä b", "\\", "SELECT", "a.b", "/* "]
    {
        let options = Options::of(&format!("{odd}{unique}"));
        let storage = server.open(&options).await.unwrap_or_else(|error| panic!("{odd}: {error}"));
        storage.set("key", bytes("value"), None).await.unwrap();
        assert!(storage.get("key").await.unwrap().is_some(), "{odd}");
        storage.reset().await.unwrap();
        storage.purge_expired().await.unwrap();
        assert_eq!(server.count(&options.table).await, 0, "{odd}");
        server.open(&options).await.unwrap();
        server.drop_table(&options.table).await;
    }
    for refused in ["", " a", "a ", "a\0b", "a\nb", &"a".repeat(53)] {
        is(
            &server.open(&Options::of(refused)).await.err().unwrap(),
            ErrorKind::Misconfigured,
            "1 to 52 bytes",
        );
    }
}

async fn whoever_may_not_create_is_told_the_sql(url: String) {
    let server = Server::new(&url).await;
    let mut options = Options::of(&fresh("manual"));
    options.creates_table = false;
    is(
        &server.open(&options).await.err().unwrap(),
        ErrorKind::Misconfigured,
        "have its owner run: CREATE TABLE",
    );
    for statement in server.schema_sql(&options).unwrap().split_terminator(';') {
        server.run(statement).await;
    }
    let user = fresh("app");
    let url = server.user(&user, "SELECT, INSERT, UPDATE, DELETE", Some(&options.table)).await;
    let storage = server.open_at(&url, &options).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    storage.reset().await.unwrap();
    storage.purge_expired().await.unwrap();
    // The default tries to create nothing where nothing is missing.
    options.creates_table = true;
    server.open_at(&url, &options).await.unwrap();
    storage.close().await.unwrap();
    server.drop_table(&options.table).await;
    server.drop_user(&user).await;
}

async fn whoever_lacks_the_right_to_create_is_told_the_sql(url: String) {
    let server = Server::new(&url).await;
    let (existing, options) = (Options::of(&fresh("existing")), Options::of(&fresh("missing")));
    server.open(&existing).await.unwrap();
    let user = fresh("app");
    let url = server.user(&user, "SELECT, INSERT, UPDATE, DELETE", Some(&existing.table)).await;
    is(&server.open_at(&url, &options).await.err().unwrap(), ErrorKind::Misconfigured, "CREATE TABLE");
    server.drop_user(&user).await;
    server.drop_table(&existing.table).await;
}

async fn a_table_that_vanishes_is_misconfigured(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("vanishing")));
    let storage = server.open(&options).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    server.drop_table(&options.table).await;
    let error = storage.set(SECRET, bytes(SECRET), None).await.unwrap_err();
    is(&error, ErrorKind::Misconfigured, "restart the application");
    server.open(&options).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    server.drop_table(&options.table).await;
}

service_tests! {
    Service::Postgres => [
        eight_that_start_at_once_make_one_table,
        a_newer_schema_is_refused,
        a_table_with_another_column_is_refused_by_its_name,
        a_schema_that_does_not_exist_is_misconfigured,
        a_table_may_have_columns_of_its_owner,
        a_table_may_have_any_name,
        whoever_may_not_create_is_told_the_sql,
        whoever_lacks_the_right_to_create_is_told_the_sql,
        a_table_that_vanishes_is_misconfigured,
    ],
    Service::Mariadb => [
        eight_that_start_at_once_make_one_table,
        a_newer_schema_is_refused,
        a_table_with_another_column_is_refused_by_its_name,
        a_table_may_have_columns_of_its_owner,
        a_table_may_have_any_name,
        whoever_may_not_create_is_told_the_sql,
        whoever_lacks_the_right_to_create_is_told_the_sql,
        a_table_that_vanishes_is_misconfigured,
    ],
    Service::Mysql => [
        eight_that_start_at_once_make_one_table,
        a_newer_schema_is_refused,
        a_table_with_another_column_is_refused_by_its_name,
        a_table_may_have_columns_of_its_owner,
        a_table_may_have_any_name,
        whoever_may_not_create_is_told_the_sql,
        whoever_lacks_the_right_to_create_is_told_the_sql,
        a_table_that_vanishes_is_misconfigured,
    ],
}
