//! `doctor`: whether the kernel that Jupyter would start is this one, and whether it answers. It is started as
//! Jupyter would start it and asked through another implementation of the protocol than its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jupyter_protocol::{
    ConnectionInfo, ExecuteRequest, JupyterMessage, JupyterMessageContent, KernelInfoRequest, ReplyStatus,
    ShutdownRequest, Transport,
};
use jupyter_zmq_client::{
    ClientShellConnection, create_client_control_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, peer_identity_for_session, wait_for_iopub_welcome,
};
use tokio::time::timeout;

use super::{Place, is_ours, read, runtime_folder};
use crate::connection::Connection;

/// How long the kernel may take for each answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks whether Jupyter finds this kernel and whether it answers.
pub fn doctor(place: &Place) -> Result<(), String> {
    let folder = place.folder()?;
    let spec = read(&folder).map_err(|reason| format!("{reason}; millstream-kernel install writes it"))?;
    println!("found     {}", folder.display());
    if !is_ours(&spec) {
        return Err(format!("it starts another kernel, {}", spec.display_name));
    }
    let program = spec.argv.first().map(Path::new).unwrap_or(Path::new(""));
    if !program.exists() {
        return Err(format!("its program {} is gone; install again", program.display()));
    }
    println!("starts    {}", program.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(examine(program))
}

/// A kernel that ends with whoever examines it, with its connection file.
struct Patient {
    child: Child,
    file: std::path::PathBuf,
}

impl Drop for Patient {
    fn drop(&mut self) {
        // It has mostly ended by itself by now; there is nobody to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
    }
}

async fn examine(program: &Path) -> Result<(), String> {
    let mut connection = Connection::invent();
    // Ports that are free now; the kernel takes them a moment later.
    drop(connection.listen().await?);
    let file = runtime_folder()?.join(format!("doctor-{}.json", std::process::id()));
    connection.write(&file)?;
    let began = Instant::now();
    let child = Command::new(program).arg("-f").arg(&file).stdin(Stdio::null()).spawn();
    let child = child.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let _patient = Patient { child, file };
    let info = info(&connection);
    let session = uuid::Uuid::new_v4().to_string();
    let failed = |error: jupyter_zmq_client::RuntimeError| format!("the kernel does not answer: {error}");

    let mut iopub = create_client_iopub_connection(&info, "", &session).await.map_err(failed)?;
    let welcome = wait_for_iopub_welcome(&mut iopub, PATIENCE).await.map_err(failed)?;
    welcome.ok_or("the kernel does not greet whoever listens")?;
    let identity = peer_identity_for_session(&session).map_err(failed)?;
    let mut shell = create_client_shell_connection_with_identity(&info, &session, identity).await.map_err(failed)?;
    match ask(&mut shell, KernelInfoRequest {}.into()).await? {
        JupyterMessageContent::KernelInfoReply(reply) => println!(
            "answers   {} {}, protocol {}, after {:.2} s",
            reply.implementation,
            reply.implementation_version,
            reply.protocol_version,
            began.elapsed().as_secs_f64()
        ),
        other => return Err(format!("the kernel answers with {}", other.message_type())),
    }
    match ask(&mut shell, ExecuteRequest::new("SELECT 1 AS one".into()).into()).await? {
        JupyterMessageContent::ExecuteReply(reply) if reply.status == ReplyStatus::Ok => println!("runs      SELECT 1"),
        other => return Err(format!("the kernel cannot run SELECT 1: {other:?}")),
    }
    let mut control = create_client_control_connection(&info, &session).await.map_err(failed)?;
    control.send(ShutdownRequest { restart: false }.into()).await.map_err(failed)?;
    timeout(PATIENCE, control.read()).await.map_err(|_| "the kernel does not end")?.map_err(failed)?;
    println!("well");
    Ok(())
}

fn info(connection: &Connection) -> ConnectionInfo {
    ConnectionInfo {
        ip: connection.ip.to_string(),
        transport: Transport::TCP,
        shell_port: connection.shell_port,
        iopub_port: connection.iopub_port,
        stdin_port: connection.stdin_port,
        control_port: connection.control_port,
        hb_port: connection.hb_port,
        key: connection.key.clone(),
        signature_scheme: connection.signature_scheme.clone(),
        kernel_name: None,
    }
}

async fn ask(shell: &mut ClientShellConnection, request: JupyterMessage) -> Result<JupyterMessageContent, String> {
    let failed = |error: jupyter_zmq_client::RuntimeError| format!("the kernel does not answer: {error}");
    shell.send(request).await.map_err(failed)?;
    let reply = timeout(PATIENCE, shell.read()).await.map_err(|_| "the kernel does not answer in 10 s")?;
    Ok(reply.map_err(failed)?.content)
}
