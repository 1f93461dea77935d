//! What a running job shows: metrics as Prometheus reads them, and the page in a real browser, where the
//! names of tables and topics are hostile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use super::site::{Query, Running, Site, Way};

/// A name that would become part of the page if anything took it for markup.
const HOSTILE: &str = "<img src=x onerror=\"document.title='taken'\"></td>";

/// Where the job listens.
pub fn address(running: &mut Running, folder: &Path) -> String {
    running.until("serving a page for people");
    std::fs::read_to_string(folder.join("state/ADDRESS")).expect("it is noted").trim().to_string()
}

/// Asks for a page under the name `host`: status and text.
pub fn ask(address: &str, request: &str, host: &str, more: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}Content-Length: 0\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, answer.split_once("\r\n\r\n").expect("a body").1.to_string())
}

/// A job whose tables have hostile names, when it has made a checkpoint.
fn hostile(name: &str) -> (Site, Running, String) {
    let mut site = Site::new(name, Way::TopicToTopic, Query::Window);
    site.write(false, "");
    let script = site.path().join("job.sql");
    let text = std::fs::read_to_string(&script).expect("text");
    let text = text.replace("TABLE src", &format!("TABLE `{HOSTILE}`")).replace(" sunk", " `a<b>&\"sunk`");
    std::fs::write(&script, text).expect("writable");
    site.produce(500);
    let mut running = site.start(None);
    let address = address(&mut running, site.path());
    while site.committed().is_empty() {
        assert!(running.runs(), "{}", running.said());
    }
    (site, running, address)
}

#[test]
fn metrics_tell_all_and_hostile_names_break_no_line() {
    let (_site, running, address) = hostile("metrics");
    let page = loop {
        let (code, page) = ask(&address, "GET /metrics", &address, "");
        assert_eq!(code, 200, "{}", running.said());
        // What the job tells of its operators is renewed now and then.
        if page.lines().any(|line| line.starts_with("millstream_sink_rows_total") && !line.ends_with(" 0")) {
            break page;
        }
    };
    for name in [
        "millstream_source_records_total",
        "millstream_source_bytes_total",
        "millstream_source_lag_records",
        "millstream_source_watermark_seconds",
        "millstream_source_bad_records_total",
        "millstream_source_backpressure_seconds_total",
        "millstream_operator_rows_in_total",
        "millstream_operator_late_rows_total",
        "millstream_operator_state_bytes",
        "millstream_operator_spilled_bytes",
        "millstream_operator_spill_reads_total",
        "millstream_operator_spill_writes_total",
        "millstream_sink_rows_total",
        "millstream_checkpoint_age_seconds",
        "millstream_checkpoint_bytes",
        "millstream_checkpoint_duration_seconds",
        "millstream_checkpoints_total",
        "process_resident_memory_bytes",
    ] {
        assert!(page.lines().any(|line| line.starts_with(&format!("{name}{{"))), "{name} is missing:\n{page}");
    }
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    assert!(page.lines().filter(|line| !line.starts_with('#')).all(|line| value(line).is_some()), "{page}");
}

#[test]
fn foreign_names_and_foreign_pages_are_refused() {
    let (_site, _running, address) = hostile("foreign");
    assert_eq!(ask(&address, "GET /readyz", &address, "").0, 200);
    assert_eq!(ask(&address, "GET /metrics", "rebound.example.org", "").0, 403);
    assert_eq!(ask(&address, "POST /savepoint/x", &address, "Origin: http://example.org\r\n").0, 403);
    assert_eq!(ask(&address, "POST /savepoint/..%2F..%2Fx", &address, "").0, 400);
}

#[test]
fn the_page_in_a_browser_shows_all_and_takes_no_name_for_markup() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| is_there(name))
    else {
        assert!(std::env::var_os("MILLSTREAM_BROWSER").is_none(), "a browser is wanted and there is none");
        println!("there is no browser here; make test-lab wants one");
        return;
    };
    let (_site, running, address) = hostile("page");
    let profile = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    if let Some(folder) = std::env::var_os("SHOTS") {
        // Without the DOM, then: the browser does one or the other.
        let shot = Path::new(&folder).join("job.png");
        let mut picture = Command::new(browser);
        picture.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=4000",
            "--window-size=1200,900",
        ]);
        picture.arg(format!("--screenshot={}", shot.display())).arg(format!("http://{address}/"));
        picture.output().expect("it starts");
    }
    let output = command.arg(format!("http://{address}/")).output().expect("it starts");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        dom.contains("running, checkpoint"),
        "{dom}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        running.said()
    );
    assert!(dom.contains("&lt;img src=x onerror="), "{dom}");
    assert!(!dom.contains("<img"), "{dom}");
    assert!(!dom.contains("<title>taken"), "{dom}");
    assert!(dom.contains("window-aggregate") && dom.contains("<path"), "the graph is drawn: {dom}");
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
