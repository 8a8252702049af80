//! What only SQLite has: its files, its one writer, its memory.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{Bytes, ErrorKind, Namespace, Storage, StorageError, Touch};
use cloakroom_storage_sqlx::{
    SqliteConfig, SqliteStorage,
    sqlx::{AssertSqlSafe, Executor, Row, SqlitePool, sqlite::SqlitePoolOptions},
};
use tempfile::TempDir;
use tokio::{
    sync::{Barrier, oneshot},
    time::{sleep, timeout},
};

const HOUR: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_millis(1);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn file(folder: &TempDir) -> String {
    format!("sqlite:{}/sessions.db", folder.path().display())
}

async fn open(url: &str) -> SqliteStorage {
    SqliteStorage::connect(&SqliteConfig::new(url).with_sweep_interval(None)).await.unwrap()
}

async fn refused(config: &SqliteConfig, kind: ErrorKind, says: &str) {
    is(&SqliteStorage::connect(config).await.unwrap_err(), kind, says);
}

fn is(error: &StorageError, kind: ErrorKind, says: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error} does not say {says:?}");
}

/// A connection beside those of the storage.
async fn raw(url: &str) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(1).connect(&format!("{url}?mode=rwc")).await.unwrap()
}

async fn number(raw: &SqlitePool, sql: &str) -> i64 {
    raw.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0)
}

/// The default namespace with more keys than a reset takes at a time.
async fn fill(raw: &SqlitePool) {
    raw.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 2500) INSERT INTO cloakroom SELECT \
         CAST('cloakroom:' || n AS BLOB), CAST('value' AS BLOB), NULL FROM n",
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_path_is_relative_or_absolute_and_has_any_characters() {
    let relative = TempDir::new_in(".").unwrap();
    let name = Path::new(relative.path().file_name().unwrap()).display();
    let absolute = TempDir::new().unwrap();
    let folder = absolute.path().display();
    for (url, path) in [
        (format!("sqlite:{name}/a.db"), format!("{name}/a.db")),
        (format!("sqlite://{name}/b.db"), format!("{name}/b.db")),
        (format!("sqlite:{folder}/a.db"), format!("{folder}/a.db")),
        (format!("sqlite://{folder}/b.db"), format!("{folder}/b.db")),
        (format!("sqlite:{folder}/with spaces & 'ö'.db"), format!("{folder}/with spaces & 'ö'.db")),
        (format!("sqlite:{folder}/a%3Fb%23c%25.db?mode=rwc"), format!("{folder}/a?b#c%.db")),
    ] {
        let storage = open(&url).await;
        storage.set("key", bytes("value"), None).await.unwrap();
        storage.close().await.unwrap();
        assert!(Path::new(&path).is_file(), "{url} did not make {path}");
        assert!(open(&url).await.get("key").await.unwrap().is_some(), "{url}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_the_cure() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().display();
    std::fs::write(folder.path().join("text"), "not a database, but text".repeat(100)).unwrap();
    let cases = [
        (format!("sqlite:{at}/missing/a.db"), "the folder"),
        (format!("sqlite:{at}/a.db?mode=rw"), "cannot be opened"),
        (format!("sqlite:{at}"), "cannot be opened"),
        (format!("sqlite:{at}/text"), "not a SQLite database"),
        (format!("sqlite:{at}/a.db?speed=high"), "speed"),
        ("sqlite:".to_owned(), "no path"),
        ("postgres://localhost".to_owned(), "scheme"),
    ];
    for (url, says) in cases {
        refused(&SqliteConfig::new(url), ErrorKind::Misconfigured, says).await;
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_misconfigured() {
    let folder = TempDir::new().unwrap();
    open(&file(&folder)).await.close().await.unwrap();
    let storage = open(&format!("{}?mode=ro", file(&folder))).await;
    assert_eq!(storage.get("key").await.unwrap(), None);
    is(
        &storage.set("key", bytes("value"), None).await.unwrap_err(),
        ErrorKind::Misconfigured,
        "cannot be written",
    );
}

#[tokio::test]
async fn a_memory_is_shared_by_clones_and_by_nobody_else() {
    let storage = open("sqlite::memory:").await;
    let clone = storage.clone();
    drop(timeout(Duration::ZERO, storage.set("key", bytes("dropped"), None)).await);
    storage.set("key", bytes("value"), None).await.unwrap();
    assert!(clone.get("key").await.unwrap().is_some());
    assert_eq!(open("sqlite::memory:").await.get("key").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn storages_of_one_file_write_at_the_same_time() {
    let folder = TempDir::new().unwrap();
    let url = file(&folder);
    let writing: Vec<_> = (0..4)
        .map(|writer| {
            let url = url.clone();
            tokio::spawn(async move {
                let storage = open(&url).await;
                for n in 0..50 {
                    let key = format!("key {writer} {n}");
                    storage.set(&key, bytes("value"), Some(HOUR)).await.unwrap();
                    storage.get_and_touch(&key, Touch::new(2 * HOUR, Duration::ZERO)).await.unwrap();
                }
            })
        })
        .collect();
    for writing in writing {
        writing.await.unwrap();
    }
    assert_eq!(number(&raw(&url).await, "SELECT count(*) FROM cloakroom").await, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_that_start_at_once_make_one_table() {
    for _ in 0..5 {
        let (folder, start) = (TempDir::new().unwrap(), Arc::new(Barrier::new(8)));
        let starting: Vec<_> = (0..8)
            .map(|_| {
                let (url, start) = (file(&folder), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    open(&url).await.set("key", bytes("value"), None).await.unwrap();
                })
            })
            .collect();
        for starting in starting {
            starting.await.unwrap();
        }
        assert_eq!(number(&raw(&file(&folder)).await, "SELECT count(*) FROM cloakroom").await, 2);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = TempDir::new().unwrap();
    open(&file(&folder)).await;
    raw(&file(&folder)).await.execute("UPDATE cloakroom SET v = CAST('2' AS BLOB)").await.unwrap();
    refused(&SqliteConfig::new(file(&folder)), ErrorKind::Misconfigured, "newer release").await;
}

#[tokio::test]
async fn a_table_with_another_column_is_refused_by_its_name() {
    for (columns, named) in [
        ("k TEXT COLLATE NOCASE PRIMARY KEY, v BLOB NOT NULL, expires_at INTEGER", "column k"),
        ("k BLOB PRIMARY KEY, v TEXT NOT NULL, expires_at INTEGER", "column v"),
        ("k BLOB PRIMARY KEY, v BLOB NOT NULL", "column expires_at"),
        ("k BLOB PRIMARY KEY, v BLOB NOT NULL, expires_at INTEGER, w INTEGER NOT NULL", "column w"),
        ("k BLOB, v BLOB NOT NULL, expires_at INTEGER", "primary key"),
    ] {
        let folder = TempDir::new().unwrap();
        let create = format!("CREATE TABLE cloakroom ({columns})");
        raw(&file(&folder)).await.execute(AssertSqlSafe(create)).await.unwrap();
        refused(&SqliteConfig::new(file(&folder)), ErrorKind::Misconfigured, named).await;
    }
}

#[tokio::test]
async fn a_table_may_have_any_name() {
    let folder = TempDir::new().unwrap();
    for odd in ["\"; DROP TABLE x; --", "`", "'", "$1 ?1 {table}", "%s", "Ä b", "\\", "SELECT", "a.b", "/*"]
    {
        let config = SqliteConfig::new(file(&folder)).with_table(odd);
        let storage = SqliteStorage::connect(&config).await.unwrap();
        storage.set("key", bytes("value"), Some(HOUR)).await.unwrap();
        assert!(storage.get("key").await.unwrap().is_some(), "{odd}");
        storage.reset().await.unwrap();
        storage.purge_expired().await.unwrap();
        assert!(SqliteStorage::connect(&config).await.unwrap().get("key").await.unwrap().is_none(), "{odd}");
    }
    for name in ["", " a", "a ", "a\0b", "a\nb", &"a".repeat(53)] {
        let config = SqliteConfig::new(file(&folder)).with_table(name);
        refused(&config, ErrorKind::Misconfigured, "1 to 52 bytes").await;
    }
    let config = SqliteConfig::new(file(&folder)).with_table("sqlite_x");
    assert!(SqliteStorage::connect(&config).await.is_err());
}

#[tokio::test]
async fn whoever_may_not_create_is_told_the_sql() {
    let folder = TempDir::new().unwrap();
    let config = SqliteConfig::new(file(&folder)).with_create_table(false);
    refused(&config, ErrorKind::Misconfigured, "have its owner run: CREATE TABLE").await;
    raw(&file(&folder)).await.execute(AssertSqlSafe(config.schema_sql().unwrap())).await.unwrap();
    SqliteStorage::connect(&config).await.unwrap().set("key", bytes("value"), None).await.unwrap();
}

#[tokio::test]
async fn a_touch_within_the_slack_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let (storage, raw) = (open(&file(&folder)).await, raw(&file(&folder)).await);
    storage.set("key", bytes("value"), Some(HOUR)).await.unwrap();
    // It changes with every commit of another connection.
    let before = number(&raw, "PRAGMA data_version").await;
    storage.get_and_touch("key", Touch::new(HOUR, HOUR / 60)).await.unwrap().unwrap();
    assert_eq!(number(&raw, "PRAGMA data_version").await, before);
    storage.get_and_touch("key", Touch::new(2 * HOUR, HOUR / 60)).await.unwrap().unwrap();
    assert_ne!(number(&raw, "PRAGMA data_version").await, before);
}

#[tokio::test]
async fn a_read_does_not_wait_for_a_writer() {
    let folder = TempDir::new().unwrap();
    let (storage, raw) = (open(&file(&folder)).await, raw(&file(&folder)).await);
    storage.set("key", bytes("value"), Some(HOUR)).await.unwrap();
    let mut writer = raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let reading = async {
        storage.get("key").await.unwrap().unwrap();
        storage.get_and_touch("key", Touch::new(HOUR, HOUR / 60)).await.unwrap().unwrap();
    };
    timeout(Duration::from_secs(4), reading).await.expect("a read waits for the writer");
    writer.execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_file_that_stays_locked_is_unavailable() {
    let folder = TempDir::new().unwrap();
    let config = SqliteConfig::new(file(&folder)).with_busy_timeout(Duration::from_millis(50));
    let (storage, raw) = (SqliteStorage::connect(&config).await.unwrap(), raw(&file(&folder)).await);
    let writer = raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    is(&storage.set("key", bytes("value"), None).await.unwrap_err(), ErrorKind::Unavailable, "locked");
    writer.rollback().await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
}

#[tokio::test]
async fn a_sweep_removes_what_is_expired_and_ends_with_the_last_clone() {
    let folder = TempDir::new().unwrap();
    let (url, raw) = (file(&folder), raw(&file(&folder)).await);
    let sweeping = SqliteConfig::new(&url).with_sweep_interval(Some(Duration::from_millis(20)));
    let storage = SqliteStorage::connect(&sweeping).await.unwrap();
    storage.set("for ever", bytes("value"), None).await.unwrap();
    storage.set("hour", bytes("value"), Some(HOUR)).await.unwrap();
    for n in 0..20 {
        storage.set(&n.to_string(), bytes("value"), Some(SOON)).await.unwrap();
    }
    while number(&raw, "SELECT count(*) FROM cloakroom").await > 3 {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(storage.get("for ever").await.unwrap().is_some());
    assert!(storage.get("hour").await.unwrap().is_some());

    drop(storage);
    sleep(Duration::from_millis(100)).await;
    let storage = open(&url).await;
    storage.set("key", bytes("value"), Some(SOON)).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(number(&raw, "SELECT count(*) FROM cloakroom").await, 4);
    assert_eq!(storage.purge_expired().await.unwrap(), 1);
}

#[tokio::test]
async fn a_reset_in_batches_reaches_the_end_and_no_neighbour() {
    let folder = TempDir::new().unwrap();
    let (storage, raw) = (open(&file(&folder)).await, raw(&file(&folder)).await);
    let neighbour = SqliteConfig::new(file(&folder)).with_namespace(Namespace::new("cloakroom2").unwrap());
    let neighbour = SqliteStorage::connect(&neighbour).await.unwrap();
    neighbour.set("key", bytes("value"), None).await.unwrap();
    raw.execute("CREATE TABLE foreign_table (n); INSERT INTO foreign_table VALUES (1)").await.unwrap();
    fill(&raw).await;
    storage.reset().await.unwrap();
    assert_eq!(number(&raw, "SELECT count(*) FROM cloakroom").await, 2);
    assert!(neighbour.get("key").await.unwrap().is_some());
    assert_eq!(number(&raw, "SELECT count(*) FROM foreign_table").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reset_takes_nothing_of_neighbours_that_write_meanwhile() {
    let folder = TempDir::new().unwrap();
    let (url, raw) = (file(&folder), raw(&file(&folder)).await);
    let storage = open(&url).await;
    raw.execute(
        "CREATE TABLE foreign_table (k BLOB PRIMARY KEY, v BLOB, expires_at INTEGER); INSERT INTO foreign_table \
         VALUES (CAST('cloakroom:key' AS BLOB), X'', NULL)",
    )
    .await
    .unwrap();
    // Each with connections of its own, as processes would.
    let neighbours = ["cloakroom2", "cloakroom-", "cloakroo", "Cloakroom"].map(|name| {
        let written = Arc::new(AtomicU32::new(0));
        let (stop, mut stopped) = oneshot::channel();
        let config = SqliteConfig::new(&url).with_namespace(Namespace::new(name).unwrap());
        let counter = Arc::clone(&written);
        let writing = tokio::spawn(async move {
            let neighbour = SqliteStorage::connect(&config).await.unwrap();
            while stopped.try_recv().is_err() {
                let key = counter.load(Ordering::Relaxed).to_string();
                neighbour.set(&key, bytes("value"), None).await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
            }
            neighbour
        });
        (written, stop, writing)
    });
    while neighbours.iter().any(|(written, ..)| written.load(Ordering::Relaxed) < 50) {
        fill(&raw).await;
        storage.reset().await.unwrap();
        assert_eq!(number(&raw, "SELECT count(*) FROM cloakroom WHERE k GLOB 'cloakroom:*'").await, 0);
    }
    for (written, stop, writing) in neighbours {
        stop.send(()).unwrap();
        let neighbour = writing.await.unwrap();
        for key in 0..written.load(Ordering::Relaxed) {
            assert!(neighbour.get(&key.to_string()).await.unwrap().is_some(), "{neighbour:?} lost {key}");
        }
    }
    assert_eq!(number(&raw, "SELECT count(*) FROM foreign_table").await, 1);
}

#[tokio::test]
async fn dropped_futures_leave_the_connections_usable() {
    let folder = TempDir::new().unwrap();
    let storage = open(&file(&folder)).await;
    for round in 0..100_u64 {
        let (key, value) = (format!("key {round}"), format!("value {round}"));
        let limit = Duration::from_micros(5 * round);
        let _ = timeout(limit, storage.set(&key, bytes(&value), None)).await;
        let _ = timeout(limit, storage.get_and_touch(&key, Touch::new(HOUR, Duration::ZERO))).await;
        storage.set(&key, bytes(&value), None).await.unwrap();
        assert_eq!(storage.get(&key).await.unwrap(), Some(bytes(&value)));
    }
}

#[tokio::test]
async fn a_pool_that_is_handed_in_stays_open() {
    let folder = TempDir::new().unwrap();
    let pool = raw(&file(&folder)).await;
    let storage = SqliteStorage::with_pool(pool.clone(), &SqliteConfig::new("")).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    storage.close().await.unwrap();
    assert_eq!(storage.get("key").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(number(&pool, "SELECT count(*) FROM cloakroom").await, 2);
}

#[tokio::test]
async fn debug_shows_no_key_and_no_value() {
    let storage = open("sqlite::memory:").await;
    storage.set("secret-key", bytes("secret-value"), None).await.unwrap();
    let shown = format!("{storage:?}");
    assert!(!shown.contains("secret") && shown.contains("cloakroom"), "{shown}");
}
