//! The protocol of checkpoints, model-checked: its own `step` function between a disk that survives, a
//! broker that ends transactions, a network that delays and loses the order to commit, and crashes between
//! any two actions. Two sites with one identity, too: the second is a copy of the state folder.
//!
//! What must always hold: rows are visible exactly for the epochs up to the marker, each once; and whatever
//! the marker names can be restored. Each of these is violated when one rule is broken, which is tested
//! as well: a model that cannot fail proves nothing.

use millstream_runner::protocol::{Action, Decider, Event, Exit, Failure, Marker, Sealed, State, step};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// How many epochs are made, how often jobs start, how often the broker loses patience, and so on.
#[derive(Clone, Debug)]
struct World {
    sites: usize,
    epochs: u64,
    starts: u8,
    timeouts: u8,
    /// How many producers are made.
    fences: u64,
    broken: Option<Broken>,
}

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    /// A new producer does not abort what an older one left open.
    FenceLeavesOpen,
    /// The older checkpoint is deleted when the newer one is only sealed.
    DeletedTooSoon,
    /// After an unknown outcome the job goes on with the same producer.
    SameProducer,
    /// The marker is read before the fence, and not again behind it.
    ReadTooSoon,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Now {
    sites: Vec<Site>,
    broker: Broker,
    starts: u8,
    timeouts: u8,
}

/// A disk, and perhaps a process that works on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Site {
    sealed: Vec<Sealed>,
    current: u64,
    process: Option<Process>,
    ended: Option<Exit>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process {
    state: State,
    /// What it is about to do.
    action: Action,
    /// The generation of its producer.
    producer: u64,
    /// Whether it waits for the answer to a commit.
    waits: bool,
    /// What it saw when it looked.
    seen: Option<Marker>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Broker {
    marker: Option<Marker>,
    /// The newest producer.
    fence: u64,
    open: Option<Open>,
    /// Orders to commit that are under way, by producer.
    orders: Vec<u64>,
    /// The epochs whose rows can be read.
    visible: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    producer: u64,
    rows: Vec<u64>,
    marker: Option<Marker>,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Start(usize),
    /// The process does what it is about to do, and that goes well if it can.
    Perform(usize),
    /// Time for a checkpoint.
    Due(usize),
    Crash(usize),
    /// The broker gets an order to commit; the answer arrives, or not.
    Deliver {
        order: usize,
        answered: bool,
    },
    /// An order is lost.
    Lose(usize),
    /// The process does not wait for the answer any longer.
    GiveUp(usize),
    /// The broker gives the open transaction up.
    TimeOut,
}

impl Broker {
    /// The producer's open transaction; a new one if there is none. `None` if the producer is fenced.
    fn transaction(&mut self, producer: u64) -> Option<&mut Open> {
        if producer != self.fence {
            return None;
        }
        Some(self.open.get_or_insert(Open { producer, rows: Vec::new(), marker: None }))
    }

    /// Commits what the producer has open. Whether it was allowed to.
    fn commit(&mut self, producer: u64) -> bool {
        if producer != self.fence {
            return false;
        }
        if let Some(open) = self.open.take() {
            self.visible.extend(open.rows);
            self.marker = open.marker.or(self.marker);
        }
        true
    }
}

impl World {
    fn says(&self, site: &mut Site, event: Event) {
        let process = site.process.as_mut().expect("only a process says something");
        process.waits = false;
        (process.state, process.action) = step(&process.state, event);
        if let Action::Exit(exit) = process.action {
            (site.process, site.ended) = (None, Some(exit));
        }
    }

    fn perform(&self, now: &mut Now, at: usize) {
        let broken = self.broken;
        let (broker, site) = (&mut now.broker, &mut now.sites[at]);
        let process = site.process.as_mut().expect("it runs");
        let event = match process.action {
            Action::Look => {
                process.seen = broker.marker;
                Event::Marker(broker.marker)
            }
            Action::Read if broken == Some(Broken::ReadTooSoon) => Event::Marker(process.seen),
            Action::Read => Event::Marker(broker.marker),
            Action::Fence => {
                if broken != Some(Broken::SameProducer) || process.producer == 0 {
                    broker.fence += 1;
                    process.producer = broker.fence;
                }
                match (&mut broker.open, broken) {
                    (Some(open), Some(Broken::FenceLeavesOpen)) => open.producer = broker.fence,
                    _ => broker.open = None,
                }
                Event::Fenced
            }
            Action::Claim { marker } | Action::Decide { marker } => match broker.transaction(process.producer) {
                None => Event::Failed(Failure::Fenced),
                Some(open) => {
                    open.marker = Some(marker);
                    broker.orders.push(process.producer);
                    process.waits = true;
                    return;
                }
            },
            Action::Forget { above } => {
                site.sealed.retain(|sealed| sealed.epoch <= above);
                Event::Forgotten
            }
            Action::Restore { .. } => Event::Restored,
            Action::Barrier { epoch, .. } => {
                // All rows before the barrier are sent when the cut is there. A fenced producer's are refused.
                if let Some(open) = broker.transaction(process.producer) {
                    open.rows.push(epoch);
                }
                Event::Cut
            }
            Action::Seal { epoch } => {
                let digest = broker.fence * 100 + epoch;
                if broken == Some(Broken::DeletedTooSoon) {
                    site.sealed.clear();
                }
                site.sealed.push(Sealed { epoch, digest });
                Event::Sealed { digest }
            }
            Action::Finish { epoch } => {
                site.current = epoch;
                Event::Finished
            }
            Action::Collect { decided } => {
                site.sealed.retain(|sealed| sealed.epoch + 1 >= decided);
                Event::Collected { kept: site.sealed.clone() }
            }
            Action::TearDown => Event::TornDown,
            Action::Wait | Action::Exit(_) => unreachable!("nothing to perform"),
        };
        self.says(site, event);
    }
}

impl Model for World {
    type State = Now;
    type Action = Step;

    fn init_states(&self) -> Vec<Now> {
        let sites = vec![Site::default(); self.sites];
        vec![Now { sites, broker: Broker::default(), starts: 0, timeouts: 0 }]
    }

    fn actions(&self, now: &Now, steps: &mut Vec<Step>) {
        for (at, site) in now.sites.iter().enumerate() {
            match &site.process {
                None if now.starts < self.starts && site.ended.is_none() => steps.push(Step::Start(at)),
                None => {}
                Some(process) => {
                    steps.push(Step::Crash(at));
                    match process.action {
                        Action::Wait if process.state.epoch() < self.epochs => steps.push(Step::Due(at)),
                        Action::Wait => {}
                        _ if process.waits => steps.push(Step::GiveUp(at)),
                        _ => steps.push(Step::Perform(at)),
                    }
                }
            }
        }
        for order in 0..now.broker.orders.len() {
            steps.extend([Step::Deliver { order, answered: true }, Step::Deliver { order, answered: false }]);
            steps.push(Step::Lose(order));
        }
        if now.broker.open.is_some() && now.timeouts < self.timeouts {
            steps.push(Step::TimeOut);
        }
    }

    fn next_state(&self, last: &Now, chosen: Step) -> Option<Now> {
        let mut now = last.clone();
        match chosen {
            Step::Start(at) => {
                now.starts += 1;
                let site = &mut now.sites[at];
                let run = u128::from(now.starts);
                let (state, action) = State::start(Decider::Kafka, run, site.sealed.clone(), site.current);
                site.process = Some(Process { state, action, producer: 0, waits: false, seen: None });
            }
            Step::Perform(at) => self.perform(&mut now, at),
            Step::Due(at) => self.says(&mut now.sites[at], Event::Due { last: false }),
            Step::Crash(at) => now.sites[at].process = None,
            Step::GiveUp(at) => self.says(&mut now.sites[at], Event::Failed(Failure::Unknown)),
            Step::Lose(order) => drop(now.broker.orders.remove(order)),
            Step::TimeOut => {
                now.timeouts += 1;
                now.broker.open = None;
                now.broker.fence += 1;
            }
            Step::Deliver { order, answered } => {
                let producer = now.broker.orders.remove(order);
                let done = now.broker.commit(producer);
                let waits = |site: &&mut Site| {
                    site.process.as_ref().is_some_and(|process| process.waits && process.producer == producer)
                };
                if let Some(site) = now.sites.iter_mut().find(waits).filter(|_| answered) {
                    let claims =
                        matches!(site.process.as_ref().map(|process| process.action), Some(Action::Claim { .. }));
                    let event = match (done, claims) {
                        (false, _) => Event::Failed(Failure::Fenced),
                        (true, true) => Event::Claimed,
                        (true, false) => Event::Decided,
                    };
                    self.says(site, event);
                }
            }
        }
        Some(now)
    }

    /// A job that gives up waiting begins again, for ever; a few new producers show all there is to see.
    fn within_boundary(&self, now: &Now) -> bool {
        now.broker.fence <= self.fences && now.broker.orders.len() <= 2
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each epoch up to the marker is visible once", |_, now: &Now| {
                let decided = now.broker.marker.map_or(0, |marker| marker.epoch);
                now.broker.visible == (1..=decided).collect::<Vec<_>>()
            }),
            Property::always("what the marker names is on a disk", |_, now: &Now| {
                now.broker.marker.is_none_or(|marker| {
                    let named = |sealed: &Sealed| sealed.epoch == marker.epoch && sealed.digest == marker.digest;
                    marker.epoch == 0 || now.sites.iter().any(|site| site.sealed.iter().any(named))
                })
            }),
            Property::always("what is restored is what is decided", |_, now: &Now| {
                let restores = now.sites.iter().filter_map(|site| Some((site, site.process.as_ref()?)));
                let decided = now.broker.marker.map_or(0, |marker| marker.epoch);
                restores.into_iter().all(|(site, process)| match process.action {
                    Action::Restore { epoch } if process.producer == now.broker.fence => {
                        epoch == decided && (epoch == 0 || site.sealed.iter().any(|sealed| sealed.epoch == epoch))
                    }
                    _ => true,
                })
            }),
            Property::sometimes("all epochs are decided", |world: &World, now: &Now| {
                now.broker.marker.is_some_and(|marker| marker.epoch == world.epochs)
            }),
            Property::sometimes("an epoch is decided whose process has died", |_, now: &Now| {
                now.broker.visible.contains(&1)
                    && now.sites.iter().all(|site| site.current == 0 && site.process.is_none())
            }),
            Property::sometimes("a copy that has fallen behind is refused", |world: &World, now: &Now| {
                world.sites == 1 || now.sites.iter().any(|site| site.ended == Some(Exit::State))
            }),
            Property::sometimes("of two copies one is fenced", |world: &World, now: &Now| {
                world.sites == 1 || now.sites.iter().any(|site| site.ended == Some(Exit::Fenced))
            }),
        ]
    }
}

const ALONE: World = World { sites: 1, epochs: 2, starts: 3, timeouts: 1, fences: 4, broken: None };

#[test]
fn no_crash_lost_answer_or_lost_patience_breaks_the_protocol() {
    let checker = ALONE.checker().spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.unique_state_count() > 1_000, "only {} states", checker.unique_state_count());
}

#[test]
fn two_copies_of_a_job_never_show_an_epoch_twice() {
    let checker =
        World { sites: 2, epochs: 1, starts: 2, timeouts: 0, fences: 3, broken: None }.checker().spawn_bfs().join();
    checker.assert_properties();
}

#[test]
fn each_rule_carries_weight() {
    let rules = [Broken::FenceLeavesOpen, Broken::DeletedTooSoon, Broken::SameProducer, Broken::ReadTooSoon];
    for broken in rules {
        let world = World { starts: 2, timeouts: 0, fences: 3, broken: Some(broken), ..ALONE };
        let checker = world.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let always = [
            "each epoch up to the marker is visible once",
            "what the marker names is on a disk",
            "what is restored is what is decided",
        ];
        let found = always.into_iter().any(|name| checker.discovery(name).is_some());
        assert!(found, "{broken:?} is not noticed in {} states", checker.unique_state_count());
    }
}
