//! The demo as its user runs it: a process, and a `cloakroom.toml` in the directory that it is started in.

use std::{fs, path::Path, process::Stdio};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

/// Opens the shop with its sessions at this URL, fills a basket, and opens the shop anew; the basket then.
pub(crate) async fn basket_after_a_restart(url: &str, namespace: &str) -> String {
    let directory = TempDir::new().unwrap();
    let configuration = format!("[storage]\nurl = \"{url}\"\nnamespace = \"{namespace}\"\n");
    fs::write(directory.path().join("cloakroom.toml"), configuration).unwrap();

    let shop = Shop::open(directory.path()).await;
    let answer = shop.ask("POST", "/basket/add", None, "product=umbrella").await;
    let cookie = answer.split("set-cookie: ").nth(1).expect("the basket begins a session");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let basket = shop.ask("GET", "/basket", Some(&cookie), "").await;
    assert!(basket.contains("Umbrella"), "{basket}");
    drop(shop);

    let shop = Shop::open(directory.path()).await;
    shop.ask("GET", "/basket", Some(&cookie), "").await
}

struct Shop {
    address: String,
    /// Killed when it is dropped.
    _process: Child,
}

impl Shop {
    async fn open(directory: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cloakroom-demo"))
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(directory)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.unwrap_or_else(|| panic!("the shop did not open: {line}")).to_owned();
        Self { address, _process: process }
    }

    async fn ask(&self, method: &str, path: &str, cookie: Option<&str>, form: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            self.address,
            cookie.unwrap_or_default(),
            form.len(),
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }
}
