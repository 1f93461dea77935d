//! The connection file: where the kernel listens, and the key that its messages are signed with. What would
//! open the session to others is refused, unless it was asked for with `--insecure`.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What a connection file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Always `tcp`.
    pub transport: String,
    /// The address to listen on.
    pub ip: IpAddr,
    /// Ports; 0 takes one that is free.
    pub shell_port: u16,
    /// See `shell_port`.
    pub iopub_port: u16,
    /// See `shell_port`.
    pub stdin_port: u16,
    /// See `shell_port`.
    pub control_port: u16,
    /// See `shell_port`.
    pub hb_port: u16,
    /// The key of the signatures.
    #[serde(default)]
    pub key: String,
    /// Always `hmac-sha256`.
    pub signature_scheme: String,
    /// The name of the kernelspec, for whoever reads the file.
    #[serde(default)]
    pub kernel_name: String,
}

/// The sockets of a kernel, bound.
pub struct Listeners {
    /// Requests.
    pub shell: TcpListener,
    /// What everybody hears.
    pub iopub: TcpListener,
    /// Questions to the user.
    pub stdin: TcpListener,
    /// Requests that do not wait for others.
    pub control: TcpListener,
    /// The heartbeat.
    pub heartbeat: TcpListener,
}

impl Connection {
    /// Reads a connection file. One that others may read is closed to them first.
    pub fn read(path: &Path, insecure: bool) -> Result<Connection, String> {
        let place = path.display();
        let text = fs::read(path).map_err(|error| format!("cannot read the connection file {place}: {error}"))?;
        let connection: Connection = serde_json::from_slice(&text)
            .map_err(|error| format!("the connection file {place} is not what Jupyter writes: {error}"))?;
        if !insecure {
            connection.check().map_err(|reason| format!("the connection file {place} {reason}"))?;
            close_to_others(path)?;
        }
        Ok(connection)
    }

    /// A connection on free ports of the loopback address with a new key.
    pub fn invent() -> Connection {
        Connection {
            transport: "tcp".into(),
            ip: Ipv4Addr::LOCALHOST.into(),
            shell_port: 0,
            iopub_port: 0,
            stdin_port: 0,
            control_port: 0,
            hb_port: 0,
            key: uuid::Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: "millstream".into(),
        }
    }

    /// Writes the file, for the eyes of its owner only.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = file.and_then(|mut file| file.write_all(&text));
        written.map_err(|error| format!("cannot write the connection file {}: {error}", path.display()))
    }

    /// Binds all sockets; ports that were 0 are known afterwards.
    pub async fn listen(&mut self) -> Result<Listeners, String> {
        let ip = self.ip;
        Ok(Listeners {
            shell: bind(ip, &mut self.shell_port).await?,
            iopub: bind(ip, &mut self.iopub_port).await?,
            stdin: bind(ip, &mut self.stdin_port).await?,
            control: bind(ip, &mut self.control_port).await?,
            heartbeat: bind(ip, &mut self.hb_port).await?,
        })
    }

    fn check(&self) -> Result<(), String> {
        let wish = "; --insecure allows it";
        match self {
            _ if self.transport != "tcp" => {
                Err(format!("asks for the transport '{}'; there is only tcp", self.transport))
            }
            _ if self.signature_scheme != "hmac-sha256" => {
                Err(format!("asks for signatures by '{}'; there is only hmac-sha256", self.signature_scheme))
            }
            _ if self.key.is_empty() => Err(format!("has no key, so anybody here could run statements{wish}")),
            _ if !self.ip.is_loopback() => Err(format!("asks to listen on {}, which others can reach{wish}", self.ip)),
            _ => Ok(()),
        }
    }
}

fn close_to_others(path: &Path) -> Result<(), String> {
    let place = path.display();
    let mode = fs::metadata(path).map_err(|error| format!("cannot look at {place}: {error}"))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|error| format!("others can read the key in {place}, and that cannot be changed: {error}"))
}

async fn bind(ip: IpAddr, port: &mut u16) -> Result<TcpListener, String> {
    let failed = |error: std::io::Error| format!("cannot listen on {ip}: {error}");
    let listener = TcpListener::bind((ip, *port)).await.map_err(failed)?;
    *port = listener.local_addr().map_err(failed)?.port();
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Connection)) -> Option<String> {
        let mut connection = Connection::invent();
        change(&mut connection);
        connection.check().err()
    }

    #[test]
    fn what_would_open_the_session_is_refused() {
        assert_eq!(refusal(|_| ()), None);
        assert!(refusal(|c| c.key.clear()).is_some_and(|reason| reason.contains("no key")));
        assert!(refusal(|c| c.ip = Ipv4Addr::UNSPECIFIED.into()).is_some_and(|reason| reason.contains("0.0.0.0")));
        assert!(refusal(|c| c.transport = "ipc".into()).is_some_and(|reason| reason.contains("ipc")));
        assert!(refusal(|c| c.signature_scheme = "hmac-md5".into()).is_some_and(|reason| reason.contains("md5")));
    }

    #[test]
    fn the_file_is_for_its_owner_only() {
        let folder = std::env::temp_dir().join(format!("millstream-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("kernel.json");
        Connection::invent().write(&path).expect("it is written");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened");
        Connection::read(&path, false).expect("it is read");
        assert_eq!(mode(&path), 0o600);
        assert!(Connection::invent().write(&path).is_err(), "a file that is there is not written over");
        fs::remove_dir_all(&folder).expect("gone");
    }
}
