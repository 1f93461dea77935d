//! The door of this crate: starts a job, or only checks it, and says with which code the process ends.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use millstream_record::{Clock, Stop, SystemClock, parse_duration};
use signal_hook::consts::{SIGINT, SIGTERM};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::config::Config;
use crate::fault::Fault;
use crate::functions::Compiled;
use crate::http;
use crate::job::Job;
use crate::protocol::{Decider, Exit, State};
use crate::status::{Node, Status};
use crate::store::{Lock, Refused, Store};
use crate::work::{Ended, Given, Work};

/// What the command line says beside the job's own settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Where checkpoints are, instead of where the job says
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The time between two checkpoints, such as '1 s'
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub checkpoint_interval: Option<Duration>,
    /// Where /metrics, /healthz and /readyz are served, or 'off'
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Begin with this savepoint; the state folder must be empty, or have begun with it before
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Go back to this checkpoint, although output behind it is there already and will come again
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub restore_epoch: Option<u64>,
    /// Give up the state of a step whose query has changed, or of one operator; may be given several times
    #[arg(long, value_name = "STEP")]
    pub drop_state: Vec<String>,
    /// Where compiled functions of Rust are, if not in the job's folder 'functions'; those that are missing are
    /// compiled by the rustc on the PATH
    #[arg(long, value_name = "DIR")]
    pub functions: Option<PathBuf>,
    /// Where embedded topics are, instead of where the job says
    #[arg(skip)]
    pub topics: Option<PathBuf>,
    /// How many lanes, instead of what the job says
    #[arg(skip)]
    pub parallelism: Option<usize>,
}

fn interval(text: &str) -> Result<Duration, String> {
    parse_duration(text).filter(|time| !time.is_zero()).ok_or_else(|| "not a stretch of time such as '1 s'".into())
}

impl Overrides {
    pub(crate) fn adjust(self, config: &mut Config) {
        let Overrides {
            state,
            checkpoint_interval,
            listen,
            from,
            restore_epoch,
            drop_state,
            functions,
            topics,
            parallelism,
        } = self;
        config.functions = functions.unwrap_or_else(|| config.functions.clone());
        (config.from, config.restore_epoch) = (from, restore_epoch);
        config.parallelism = parallelism.or(config.parallelism);
        config.state = state.unwrap_or_else(|| config.state.clone());
        config.interval = checkpoint_interval.unwrap_or(config.interval);
        config.topics = topics.unwrap_or_else(|| config.topics.clone());
        config.drop_state = drop_state;
        match listen {
            Some(off) if off == "off" => config.listen = None,
            Some(address) => config.listen = Some(address),
            None => {}
        }
    }
}

/// Runs a job until its sources end or a signal asks it to stop; the exit code.
pub fn run(path: &Path, overrides: Overrides) -> u8 {
    start_logs();
    let asked: Arc<AtomicUsize> = Arc::default();
    let outcome = listen(&asked).and_then(|stop| work(path, overrides, stop));
    match outcome {
        Ok(Ended::Drained) => 0,
        Ok(Ended::Stopped) => u8::try_from(128 + asked.load(Ordering::Relaxed)).unwrap_or(130),
        Err(fault) => {
            error!(code = fault.code, "{}", fault.message);
            fault.hints.iter().for_each(|hint| error!(code = fault.code, "hint: {hint}"));
            fault.code
        }
    }
}

/// Plans a job and opens its taps without running it; what there is to say, or what is wrong.
pub fn check(path: &Path, overrides: Overrides) -> Result<String, Fault> {
    let adjust = |config: &mut Config| overrides.adjust(config);
    let job = Job::read(path, Arc::new(SystemClock), &Compiled::Here, adjust, |_| Ok("check".into()))?;
    job.open()?;
    let decider = if job.transactions().decide() { "Kafka transactions" } else { "the manifest" };
    let config = &job.config;
    Ok(format!(
        "{}\ncheckpoints every {:?} in {}, decided by {decider}\n",
        job.graph.to_string().trim_end(),
        config.interval,
        config.state.display()
    ))
}

/// Compiles the functions of the job at `path` into `folder`; what there is to say.
pub fn build_functions(path: &Path, overrides: Overrides, folder: &Path) -> Result<String, Fault> {
    let adjust = |config: &mut Config| overrides.adjust(config);
    let into = Compiled::Into(folder.to_path_buf());
    let job = Job::read(path, Arc::new(SystemClock), &into, adjust, |_| Ok("build".into()))?;
    let names: Vec<String> = job.functions.iter().map(|function| function.signature.clone()).collect();
    Ok(match names.is_empty() {
        true => "the job has no functions of Rust\n".into(),
        false => format!("{}\ncompiled into {}\n", names.join("\n"), folder.display()),
    })
}

/// Logs to stderr: text on a terminal, JSON elsewhere. `RUST_LOG` says how much.
fn start_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second job in one process writes to the logs of the first.
    let _ = if std::io::stderr().is_terminal() { logs.try_init() } else { logs.json().try_init() };
}

/// The first signal asks for a last checkpoint, the second ends the process at once.
fn listen(asked: &Arc<AtomicUsize>) -> Result<Stop, Fault> {
    let flag: Arc<AtomicBool> = Arc::default();
    let failed = |error: std::io::Error| Fault::new(Exit::Query, format!("cannot listen to signals: {error}"));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag.clone()).map_err(failed)?;
        signal_hook::flag::register_usize(signal, asked.clone(), signal as usize).map_err(failed)?;
        signal_hook::flag::register(signal, flag.clone()).map_err(failed)?;
    }
    Ok(Stop::of(flag))
}

fn work(path: &Path, overrides: Overrides, stop: Stop) -> Result<Ended, Fault> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let run_id = Uuid::new_v4().as_u128();
    let mut opened = None;
    let job = Job::read(
        path,
        clock.clone(),
        &Compiled::Here,
        |config| overrides.adjust(config),
        |config| {
            let lock = lock(config, run_id, &*clock)?;
            let mut store = Store::open(&config.state, config.keep)?;
            begin(&store, config)?;
            if let Some(epoch) = config.restore_epoch {
                go_back(&mut store, epoch)?;
            }
            let id = format!("{:032x}", store.job(Uuid::new_v4().as_u128())?);
            opened = Some((lock, store));
            Ok(id)
        },
    )?;
    let (_lock, store) = opened.ok_or_else(|| Fault::plan("the job was not read"))?;
    let config = &job.config;
    info!(job = config.name, run = format!("{run_id:032x}"), state = %config.state.display(), "starting");
    let status = Arc::new(Status::default());
    {
        let mut status = status.lock();
        (status.name, status.graph) = (config.name.clone(), Node::all(&job.graph));
    }
    let ended = Stop::default();
    if let Some(address) = &config.listen {
        let address = http::serve(address, status.clone(), clock.clone(), ended.clone())?;
        store.note_address(address)?;
        info!(%address, "serving a page for people, /metrics, /healthz and /readyz");
    }
    let doors = job.open()?;
    let decider = if job.transactions().decide() { Decider::Kafka } else { Decider::Manifest };
    check_timeout(&job)?;
    let sealed = usable(&store, decider)?;
    let id = store.job(0).map(|id| format!("{id:032x}"))?;
    let (state, action) = State::start(decider, run_id, sealed.clone(), store.current()?);
    let given = Given { job: &job, id, run_id, store, clock, stop, status };
    let outcome = Work::new(given, doors, sealed).go(state, action);
    ended.raise();
    outcome
}

/// Begins with a savepoint, if that is asked for and was not done before.
fn begin(store: &Store, config: &Config) -> Result<(), Fault> {
    let unfit = |error: millstream_record::Error| Fault::new(Exit::State, error.to_string());
    let Some(savepoint) = &config.from else { return Ok(store.settle_begin()?) };
    let from = savepoint.display();
    match store.begin_with(savepoint).map_err(unfit)? {
        Some(manifest) => info!(epoch = manifest.epoch, %from, "begun with a savepoint"),
        None => info!(%from, "the state folder has begun with this savepoint before and goes on from where it is"),
    }
    Ok(())
}

/// Goes back to an older checkpoint, as a new job: what the old one has committed stays, and nobody takes
/// the new one's output for it.
fn go_back(store: &mut Store, epoch: u64) -> Result<(), Fault> {
    let unfit = |error: millstream_record::Error| Fault::new(Exit::State, error.to_string());
    store.go_back(epoch, Uuid::new_v4().as_u128()).map_err(unfit)?;
    warn!(epoch, "gone back as was asked: output behind this epoch comes again");
    Ok(())
}

pub(crate) fn lock(config: &Config, run_id: u128, clock: &dyn Clock) -> Result<Lock, Fault> {
    Lock::take(&config.state, &format!("{run_id:032x}"), clock.now()).map_err(|refused| match refused {
        Refused::Held(who) => {
            let message = format!("the state folder {} is in use by {who}", config.state.display());
            Fault::new(Exit::Fenced, message).hint("stop that one first, or name another folder with --state")
        }
        Refused::Failed(error) => error.into(),
    })
}

/// The broker must not give a transaction up while a checkpoint is still in time.
fn check_timeout(job: &Job) -> Result<(), Fault> {
    match job.transactions().timeout() {
        Some(timeout) if job.config.interval * 3 > timeout => {
            let interval = job.config.interval;
            let message = format!(
                "a checkpoint every {interval:?} is too seldom for transactions that the broker gives up after {timeout:?}"
            );
            Err(Fault::new(Exit::Configuration, message)
                .hint("make checkpoints.interval at most a third of 'properties.transaction.timeout.ms'"))
        }
        _ => Ok(()),
    }
}

/// The checkpoints that can be used. Damaged ones are named; where the newest of all is damaged and nothing
/// but it says what is decided, the job does not start.
fn usable(store: &Store, decider: Decider) -> Result<Vec<crate::protocol::Sealed>, Fault> {
    let (sealed, damaged) = store.list()?;
    for damaged in &damaged {
        warn!(epoch = damaged.epoch, path = %damaged.path.display(), reason = damaged.reason, "a checkpoint is damaged and passed over");
    }
    let newest = sealed.last().map_or(0, |sealed| sealed.epoch);
    match damaged.last().filter(|damaged| damaged.epoch > newest && decider == Decider::Manifest) {
        Some(damaged) => {
            let message = format!(
                "checkpoint {} in {} is damaged ({}), and its output is visible already",
                damaged.epoch,
                damaged.path.display(),
                damaged.reason
            );
            Err(Fault::new(Exit::State, message)
                .hint("restore that folder from a copy")
                .hint(format!("or accept that output comes again: --restore-epoch {newest}")))
        }
        None => Ok(sealed),
    }
}
