//! The broker of the tests must not outlive whoever started it, however that ends.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millstream_tests::broker::Broker;

/// Set in the process that is to be killed.
const OWNER: &str = "MILLSTREAM_TEST_OWNER";

/// Not a test by itself: the process that the test below starts and kills.
#[test]
fn owner() {
    if std::env::var_os(OWNER).is_none() {
        return;
    }
    let broker = Broker::start();
    println!("\nlistening on {}", broker.address());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_broker_dies_with_the_process_that_started_it_even_if_that_is_killed() {
    let mut owner = Command::new(std::env::current_exe().expect("the tests know themselves"))
        .args(["owner::owner", "--exact", "--nocapture"])
        .env(OWNER, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests can start themselves");
    let said = BufReader::new(owner.stdout.take().expect("it is piped")).lines();
    let address = said.map_while(Result::ok).find_map(|line| line.strip_prefix("listening on ").map(str::to_string));
    let address = address.expect("the owner says where its broker listens");
    TcpStream::connect(&address).expect("the broker is there");

    owner.kill().expect("it runs");
    owner.wait().expect("it was started here");
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "the broker at {address} outlived its owner");
        std::thread::yield_now();
    }
}
