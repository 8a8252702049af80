//! A server that speaks as much of DynamoDB's protocol as it takes to misbehave.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use cloakroom_storage_dynamodb::DynamodbConfig;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Call {
    /// The operation, such as `GetItem`.
    pub(crate) target: String,
    pub(crate) body: Value,
    /// How many calls of this operation came before.
    pub(crate) number: usize,
}

#[derive(Clone)]
pub(crate) enum Answer {
    Json(u16, Value),
    /// The connection is closed, as if the answer were lost.
    HangUp,
}

impl Answer {
    pub(crate) fn json(body: Value) -> Self {
        Self::Json(200, body)
    }
}

/// An error of DynamoDB, whose message quotes the request as some do.
pub(crate) fn refuse(status: u16, code: &str) -> Answer {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Answer::Json(status, json!({ "__type": code, "message": "not secret-key with secret-value" }))
}

type Answering = Box<dyn Fn(&Call) -> Answer + Send + Sync>;

pub(crate) struct Stub {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    answer: Answering,
    calls: Mutex<Vec<(String, Value, u16)>>,
    numbers: Mutex<HashMap<String, usize>>,
    silent: Mutex<bool>,
    date: Mutex<Option<&'static str>>,
    ttl_status: Mutex<&'static str>,
}

impl Stub {
    /// Its table `sessions` is there and fits; everything else is answered by `answer`.
    pub(crate) async fn start(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answer: Box::new(answer),
            calls: Mutex::default(),
            numbers: Mutex::default(),
            silent: Mutex::default(),
            date: Mutex::default(),
            ttl_status: Mutex::new("ENABLED"),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// The namespace is `n`.
    pub(crate) fn config(&self) -> DynamodbConfig {
        DynamodbConfig::new(format!(
            "dynamodb:sessions?region=local&endpoint=http://{}&access_key_id=local&secret_access_key=local-secret",
            self.address
        ))
        .with_namespace("n".parse().unwrap())
    }

    /// The operations that were asked for, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.calls.lock().unwrap().iter().map(|(target, ..)| target.clone()).collect()
    }

    /// The requests of that operation that were not refused.
    pub(crate) fn answered(&self, target: &str) -> Vec<Value> {
        let calls = self.state.calls.lock().unwrap();
        calls
            .iter()
            .filter(|(of, _, status)| of == target && *status == 200)
            .map(|(_, body, _)| body.clone())
            .collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.state.calls.lock().unwrap().clear();
    }

    /// Reads requests and does not answer.
    pub(crate) fn be_silent(&self, silent: bool) {
        *self.state.silent.lock().unwrap() = silent;
    }

    pub(crate) fn date(&self, date: &'static str) {
        *self.state.date.lock().unwrap() = Some(date);
    }

    pub(crate) fn without_ttl(&self) {
        *self.state.ttl_status.lock().unwrap() = "DISABLED";
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (target, body) = request(&mut stream).await?;
        let answer = state.answer(&target, body);
        if *state.silent.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        let Answer::Json(status, body) = answer else { return None };
        let body = body.to_string();
        let date = state.date.lock().unwrap().map(|date| format!("date: {date}\r\n")).unwrap_or_default();
        let answer = format!("HTTP/1.1 {status} X\r\n{date}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => target = value.rsplit('.').next()?.to_owned(),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((target, serde_json::from_slice(&body).ok()?))
}

impl State {
    fn answer(&self, target: &str, body: Value) -> Answer {
        let number = {
            let mut numbers = self.numbers.lock().unwrap();
            let number = numbers.entry(target.to_owned()).or_default();
            *number += 1;
            *number - 1
        };
        let call = Call { target: target.to_owned(), body, number };
        let answer = match target {
            "DescribeTable" => Answer::json(json!({ "Table": {
                "TableName": "sessions",
                "TableStatus": "ACTIVE",
                "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
                "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
            } })),
            "DescribeTimeToLive" => Answer::json(json!({ "TimeToLiveDescription": {
                "TimeToLiveStatus": *self.ttl_status.lock().unwrap(),
                "AttributeName": "ttl",
            } })),
            _ => (self.answer)(&call),
        };
        let status = match &answer {
            Answer::Json(status, _) => *status,
            Answer::HangUp => 0,
        };
        self.calls.lock().unwrap().push((call.target, call.body, status));
        answer
    }
}
