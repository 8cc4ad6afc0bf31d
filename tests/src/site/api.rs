//! A caller of the API who signs as gosip's clients do.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use md5::{Digest as _, Md5};
use reqwest::Method;
use serde_json::Value;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that the gateway does not announce.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A client of the API.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    secret: String,
}

/// What the gateway answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The envelope.
    pub envelope: Value,
}

impl Reply {
    /// `data` of a success.
    ///
    /// # Errors
    /// When it is none; the text has the whole envelope.
    pub fn ok(self) -> anyhow::Result<Value> {
        ensure!(
            self.status == 200 && self.envelope["code"] == "0",
            "refused: {} {}",
            self.status,
            self.envelope
        );
        Ok(self.envelope["data"].clone())
    }

    /// HTTP status, code and text of a refusal.
    pub fn refusal(&self) -> (u16, String, String) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (self.status, text(&self.envelope["code"]), text(&self.envelope["data"]))
    }
}

impl Api {
    /// A client of the gateway at `http`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(http: SocketAddr, secret: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { client, base: format!("http://{http}"), secret: secret.to_owned() })
    }

    /// `http://address`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A signed call.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.signed(Method::GET, path, query).await
    }

    /// A signed call that changes what is at a path.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn put(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.signed(Method::PUT, path, query).await
    }

    /// A signed call that takes away what is at a path.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn delete(&self, path: &str) -> anyhow::Result<Reply> {
        self.delete_of(path, &[]).await
    }

    /// A signed call that takes away some of what is at a path.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn delete_of(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.signed(Method::DELETE, path, query).await
    }

    /// One number of `/metrics`, by its name and labels as they stand there.
    ///
    /// # Errors
    /// When there is no such number.
    pub async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let page = self.client.get(format!("{}/metrics", self.base)).send().await?.text().await?;
        let number = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(number.with_context(|| format!("no {name} in {page}"))?.parse()?)
    }

    /// Whether `/readyz` says that the gateway can do its work.
    pub async fn is_ready(&self) -> bool {
        self.get_unsigned("/readyz", &[]).await.is_ok_and(|reply| reply.status == 200)
    }

    /// A call as it is.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn get_unsigned(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.ask(Method::GET, path, query).await
    }

    async fn signed(&self, method: Method, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        let sign = self.sign(path, query);
        let signed: Vec<_> = query.iter().copied().chain([("sign", sign.as_str())]).collect();
        self.ask(method, path, &signed).await
    }

    async fn ask(&self, method: Method, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        let response =
            self.client.request(method, format!("{}{path}", self.base)).query(query).send().await?;
        let status = response.status().as_u16();
        let envelope =
            response.json().await.with_context(|| format!("{path} answered {status} without JSON"))?;
        Ok(Reply { status, envelope })
    }

    /// Posts a hook as ZLMediaKit would, with the token.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn hook(&self, name: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/index/hook/{name}?token=hook-token", self.base);
        Ok(self.client.post(url).json(body).send().await?.json().await?)
    }

    /// Lower-case hex MD5 of path, sorted pairs joined by `&`, and secret.
    pub fn sign(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut pairs: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.sort();
        hex::encode(Md5::digest(format!("{path}{}{}", pairs.join("&"), self.secret)))
    }

    /// The sign that a player of `stream` needs, as its URL's query.
    pub fn player_query(&self, stream: &str, query: &[(&str, &str)]) -> String {
        let sign = self.sign(&format!("/rtp/{stream}/hls.m3u8"), query);
        let pairs = query.iter().map(|(key, value)| format!("{key}={value}"));
        pairs.chain([format!("sign={sign}")]).collect::<Vec<_>>().join("&")
    }

    /// Waits until the gateway answers at all.
    ///
    /// # Errors
    /// When it does not.
    pub async fn wait_until_live(&self) -> anyhow::Result<()> {
        let live = || async { self.client.get(format!("{}/livez", self.base)).send().await.is_ok() };
        wait_for(live).await.context("the gateway does not answer")
    }
}

/// Looks again until it is so.
///
/// # Errors
/// When it takes too long.
pub async fn wait_for<F: Future<Output = bool>>(mut look: impl FnMut() -> F) -> anyhow::Result<()> {
    let reached = async {
        while !look().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.context("it took too long")
}
