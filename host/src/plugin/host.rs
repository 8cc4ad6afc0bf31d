//! What guests may call, and what an instance has with it.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, Resource};

use super::{
    account::Account,
    bindings::sluice::policy::{
        host::{self, Algorithm, DigestInput, Level, Piece},
        types,
    },
    limits::{Ceiling, Limits, Stop, Stopwatch, now},
    secret::{Credential, Secret},
    wasi::{Stdio, Stream},
};

/// What belongs to one instance.
pub(super) struct State {
    pub(super) ceiling: Ceiling,
    pub(super) stopwatch: Stopwatch,
    account: Arc<Account>,
    host_calls_left: u32,
    lent: Lent,
    stdio: Stdio,
}

/// The secret that the present call may compute with. Its handle is always 0, since there is only one.
pub(super) enum Lent {
    /// A device's password.
    Credential(Credential),
    /// The operator's key.
    Key(Secret),
    /// None.
    Nothing,
}

impl State {
    const HOST_CALLS: u32 = 1_000;

    pub(super) fn new(limits: Limits, account: Arc<Account>) -> Self {
        Self {
            ceiling: Ceiling::new(limits.memory),
            stopwatch: Stopwatch::start(limits, now()),
            account,
            // Some languages' start functions read the clock.
            host_calls_left: Self::HOST_CALLS,
            lent: Lent::Nothing,
            stdio: Stdio::default(),
        }
    }

    /// Gives a call its time, its host calls and its secret.
    pub(super) fn begin(&mut self, stopwatch: Stopwatch, lent: Lent) {
        self.stopwatch = stopwatch;
        self.host_calls_left = Self::HOST_CALLS;
        self.lent = lent;
    }

    /// Takes the secret back.
    pub(super) fn end(&mut self) {
        self.lent = Lent::Nothing;
        self.stdio.flush(|level, line| self.account.log(level, line));
    }

    /// Prints to the plugin's log.
    pub(super) fn print(&mut self, stream: Stream, bytes: impl Iterator<Item = u8>) {
        self.stdio.print(stream, bytes, |level, line| self.account.log(level, line));
    }

    /// Counts a host call.
    ///
    /// Errors: it is one too many.
    pub(super) fn count(&mut self) -> wasmtime::Result<()> {
        self.host_calls_left = self.host_calls_left.checked_sub(1).ok_or(Stop::HostCalls)?;
        Ok(())
    }

    fn key(&self) -> wasmtime::Result<&Secret> {
        match &self.lent {
            Lent::Key(key) => Ok(key),
            Lent::Credential(_) | Lent::Nothing => Err(NotLent.into()),
        }
    }
}

/// A guest kept a handle past its call. The component model forbids that already.
#[derive(Debug, thiserror::Error)]
#[error("no such secret is lent to this call")]
struct NotLent;

/// Makes what guests may call known to the linker; there is nothing else in it.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<_>>(linker, |state: &mut State| state)?;
    host::add_to_linker::<_, HasSelf<_>>(linker, |state: &mut State| state)
}

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.count()?;
        self.account.log(level, &message);
        Ok(())
    }

    fn kv_read(&mut self, name: String) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        self.count()?;
        Ok(Ok(self.account.read(&name)))
    }

    fn kv_write(&mut self, name: String, value: Option<Vec<u8>>) -> wasmtime::Result<Result<(), String>> {
        self.count()?;
        Ok(self.account.write(name, value).map_err(|error| error.to_string()))
    }

    fn now(&mut self) -> wasmtime::Result<u64> {
        self.count()?;
        Ok(self.account.wall_clock())
    }
}

impl host::HostCredential for State {
    fn verify(
        &mut self,
        _: Resource<Credential>,
        input: DigestInput,
        response: String,
    ) -> wasmtime::Result<Result<bool, String>> {
        self.count()?;
        match &self.lent {
            Lent::Credential(credential) => Ok(credential.verify(&input, &response)),
            Lent::Key(_) | Lent::Nothing => Err(NotLent.into()),
        }
    }

    fn drop(&mut self, _: Resource<Credential>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl host::HostKey for State {
    fn digest(
        &mut self,
        _: Resource<Secret>,
        algorithm: Algorithm,
        prefix: Vec<u8>,
        suffix: Vec<u8>,
    ) -> wasmtime::Result<Result<String, String>> {
        self.count()?;
        Ok(self.key()?.digest(algorithm, &prefix, &suffix))
    }

    fn hmac(
        &mut self,
        _: Resource<Secret>,
        algorithm: Algorithm,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<String, String>> {
        self.count()?;
        Ok(self.key()?.hmac(algorithm, &data))
    }

    fn hmac_of(
        &mut self,
        _: Resource<Secret>,
        algorithm: Algorithm,
        secret: Vec<Piece>,
        data: Vec<Piece>,
    ) -> wasmtime::Result<Result<String, String>> {
        self.count()?;
        Ok(self.key()?.hmac_of(algorithm, &secret, &data))
    }

    fn drop(&mut self, _: Resource<Secret>) -> wasmtime::Result<()> {
        Ok(())
    }
}
