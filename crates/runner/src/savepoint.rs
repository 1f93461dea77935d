//! `savepoint`: asks a running job for one, over the address it listens at; or keeps the last checkpoint of
//! a job that was stopped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream_record::{Clock, SystemClock};

use crate::config::Config;
use crate::fault::Fault;
use crate::job::settings;
use crate::launch::{Overrides, lock};
use crate::protocol::Exit;
use crate::store::{Store, address, copy_out};

/// How long the job may take to answer; a little longer than it waits itself.
const PATIENCE: Duration = Duration::from_secs(70);

/// Makes a savepoint of the job at `path`: kept in its state folder, or copied to the folder `to`, which
/// must not exist. Where it is.
pub fn savepoint(path: &Path, overrides: Overrides, to: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let mut config = settings(path)?;
    overrides.adjust(&mut config);
    if let Some(there) = to.as_ref().filter(|to| to.exists()) {
        let message = format!("{} exists already", there.display());
        return Err(Fault::plan(message).hint("a savepoint is written to a folder of its own; choose another name"));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let name = format!("at-{}", clock.now().0);
    // Whoever gets the lock has found the job at rest.
    let kept = match lock(&config, 0, &*clock) {
        Ok(_lock) => at_rest(&config, &name)?,
        Err(held) if held.code == Exit::Fenced.code() => ask(&config, &name)?,
        Err(other) => return Err(other),
    };
    match to {
        Some(to) => copy_out(&kept, &to).map(|()| to).map_err(Fault::from),
        None => Ok(kept),
    }
}

/// The last checkpoint of a job that does not run.
fn at_rest(config: &Config, name: &str) -> Result<PathBuf, Fault> {
    let store = Store::open(&config.state, config.keep)?;
    let (sealed, _) = store.list()?;
    match sealed.last() {
        Some(newest) if store.at_rest() => Ok(store.keep_as(newest.epoch, name)?),
        Some(newest) => {
            let message = format!(
                "the job was killed, and whether the output of checkpoint {} is all there, it finds out when it starts",
                newest.epoch
            );
            Err(Fault::new(Exit::State, message).hint("start the job, and ask again"))
        }
        None => {
            let message = format!("the job has no checkpoint in {} yet", config.state.display());
            Err(Fault::new(Exit::State, message).hint("start it with millstream run"))
        }
    }
}

/// Asks a running job.
fn ask(config: &Config, name: &str) -> Result<PathBuf, Fault> {
    let deaf = |why: String| {
        Fault::new(Exit::Configuration, format!("the job runs, but cannot be asked for a savepoint: {why}"))
            .hint("let it listen: http.listen in millstream.toml, or --listen")
            .hint("or stop it (it makes a last checkpoint) and ask again")
    };
    let address = address(&config.state).ok_or_else(|| deaf("it listens nowhere".into()))?;
    let (code, text) =
        post(address, &format!("/savepoint/{name}")).map_err(|error| deaf(format!("{address}: {error}")))?;
    match code {
        200 => Ok(PathBuf::from(text)),
        _ => Err(deaf(format!("it answers {code}: {text}"))),
    }
}

/// The status and the text of an answer to a POST without a body.
fn post(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let odd = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is no HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(odd)?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(odd)?;
    Ok((code, body.trim().to_string()))
}
