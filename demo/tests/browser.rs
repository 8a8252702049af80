//! The demo as its users meet it: the real binary, driven by headless Chromium over WebDriver.
//!
//! Where Chromium or its driver is missing the test is ignored with the reason; with
//! `CLOAKROOM_REQUIRE_SERVICES` set that is a failure.

use std::{env, path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::{Map, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The session cookie of the demo.
const COOKIE: &str = "cloakroom_demo";

/// The longest wait for a program to say that it is ready.
const STARTING: Duration = Duration::from_secs(30);

/// The longest wait for a page.
const ANSWER: Duration = Duration::from_secs(10);

/// The longest that a whole visit takes; it is a few seconds.
const VISIT: Duration = Duration::from_secs(40);

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let trials = [("desktop", 1280, 900), ("phone", 360, 800)].map(|(device, width, height)| {
        let name = format!("sign_in_basket_and_sign_out_work_and_the_old_cookie_is_dead_on_a_{device}");
        Trial::ignorable_test(name, move || run(width, height))
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn run(width: u32, height: u32) -> Result<Completion, Failed> {
    let (Some(chromium), Some(driver)) = (find(&["chromium", "google-chrome"]), find(&["chromedriver"]))
    else {
        let reason = "needs the programs `chromium` and `chromedriver` (Debian: chromium, chromium-driver)";
        return match env::var_os("CLOAKROOM_REQUIRE_SERVICES") {
            Some(_) => Err(reason.into()),
            None => Ok(Completion::ignored_with(reason)),
        };
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(VISIT, drive(chromium, driver, width, height)).await })??;
    Ok(Completion::Completed)
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let directories: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    let candidates =
        names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}

/// Starts a program and waits for the line in which it says where it listens.
async fn start(
    command: &mut Command,
    marker: &str,
) -> Result<(Child, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let line = timeout(STARTING, line_with(output, marker)).await??;
    Ok((child, line))
}

async fn line_with(output: impl AsyncRead + Unpin, marker: &str) -> Result<String, std::io::Error> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains(marker) {
            return Ok(line);
        }
    }
    Err(std::io::Error::other(format!("it ended without saying {marker:?}")))
}

async fn drive(chromium: PathBuf, driver: PathBuf, width: u32, height: u32) -> Outcome {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_cloakroom-demo"));
    let (_demo, line) =
        start(demo.args(["--listen", "127.0.0.1:0", "--storage", "memory:"]), "http://").await?;
    let site =
        line.split([' ', ',']).find(|word| word.starts_with("http://")).ok_or("no address")?.to_owned();

    let (_driver, line) = start(Command::new(driver).arg("--port=0"), "successfully on port").await?;
    let port: u16 = line
        .split_whitespace()
        .last()
        .and_then(|port| port.trim_end_matches('.').parse().ok())
        .ok_or("no port")?;

    let profile = tempdir()?;
    let mut capabilities = Map::new();
    capabilities.insert(
        "goog:chromeOptions".to_owned(),
        json!({
            "binary": chromium,
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage",
                format!("--window-size={width},{height}"),
                format!("--user-data-dir={}", profile.0.display()),
            ],
            // Chromium makes no headless window narrower than 500 pixels; emulation does.
            "mobileEmulation": { "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1.0 } },
        }),
    );
    let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await?;
    let outcome = shop(&client, &site, width).await;
    client.close().await?;
    outcome
}

/// A directory for the browser's profile, removed when dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // The browser may still be writing; what is left is in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tempdir() -> std::io::Result<Directory> {
    let unique = format!("cloakroom-browser-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = env::temp_dir().join(unique.replace(['(', ')'], "-"));
    std::fs::create_dir_all(&path)?;
    Ok(Directory(path))
}

/// What a visitor does.
async fn shop(client: &Client, site: &str, width: u32) -> Outcome {
    for path in ["/", "/basket", "/sign-in", "/preferences", "/about"] {
        client.goto(&format!("{site}{path}")).await?;
        expect_to_fit(client, width, path).await?;
        let scripts = client.find_all(Locator::Css("script")).await?;
        expect(scripts.is_empty(), "the site works without scripts")?;
    }

    client.goto(site).await?;
    expect(client.get_all_cookies().await?.is_empty(), "a visitor who has done nothing has no cookie")?;
    expect(text(client, "#round-trips").await? == "0 round trips", "and costs nothing")?;

    click(client, "button[value=umbrella]").await?;
    see(client, "h1", "Your basket").await?;
    see(client, "main", "Umbrella").await?;
    expect(text(client, "#round-trips").await? == "1 round trip", "a page that reads costs one")?;
    expect_to_fit(client, width, "/basket with something in it").await?;
    let anonymous = client.get_named_cookie(COOKIE).await?.value().to_owned();

    client.goto(&format!("{site}/sign-in")).await?;
    client.find(Locator::Css("#name")).await?.send_keys("Ada Lovelace").await?;
    click(client, "main form button").await?;
    see(client, "header .name", "Ada Lovelace").await?;
    expect_to_fit(client, width, "/ signed in").await?;
    let signed_in = client.get_named_cookie(COOKIE).await?.value().to_owned();
    expect(signed_in != anonymous, "signing in gives a new id")?;
    expect(text(client, "#session-keys").await? == "basket, name", "the basket came along")?;

    client.goto(&format!("{site}/basket")).await?;
    let quantity = client.find(Locator::Css("input[type=number]")).await?;
    quantity.clear().await?;
    quantity.send_keys("3").await?;
    click(client, ".quantity button").await?;
    see(client, "#total", "€ 162.00").await?;

    click(client, "header form button").await?;
    see(client, "header", "Sign in").await?;
    expect(client.get_all_cookies().await?.is_empty(), "the cookie is gone")?;
    for old in [signed_in, anonymous] {
        // Not WebDriver's own command, which wants a domain, and Chromium then refuses an IP address.
        let plant = format!("document.cookie = '{COOKIE}={old}; path=/'");
        client.execute(&plant, Vec::new()).await?;
        client.goto(&format!("{site}/basket")).await?;
        expect(text(client, "main").await?.contains("Nothing in it yet"), "the old cookie is dead")?;
        expect(!text(client, "header").await?.contains("Ada"), "and so is the name behind it")?;
    }
    Ok(())
}

async fn text(client: &Client, selector: &str) -> Result<String, fantoccini::error::CmdError> {
    client.find(Locator::Css(selector)).await?.text().await
}

/// Waits until the element shows the text: a click returns before the page that it leads to is there.
async fn see(client: &Client, selector: &str, expected: &str) -> Outcome {
    let seen = async {
        while !text(client, selector).await.is_ok_and(|text| text.contains(expected)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(ANSWER, seen).await.map_err(|_| format!("{expected:?} does not appear in {selector}").into())
}

async fn click(client: &Client, selector: &str) -> Result<(), fantoccini::error::CmdError> {
    client.find(Locator::Css(selector)).await?.click().await
}

/// No page is wider than the screen.
async fn expect_to_fit(client: &Client, width: u32, page: &str) -> Outcome {
    let body = client.find(Locator::Css("body")).await?;
    let (.., found, _) = body.rectangle().await?;
    let script = "return document.documentElement.scrollWidth";
    let scroll = client.execute(script, Vec::new()).await?.as_u64().unwrap_or(u64::MAX);
    expect(
        scroll <= u64::from(width),
        &format!("{page} fits on {width} pixels: it takes {scroll}, its body {found}"),
    )
}

fn expect(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
}
