//! Values of options that are not to stand in a statement: `${env:NAME}` is taken from the environment,
//! `${ask:what}` from the user, who is asked once a session. They are put in just before a connector is
//! opened; declarations, plans and messages keep the form in which they were written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use millstream_record::reference;
use millstream_sql::SqlError;

use crate::fault::Fault;

/// Somebody who can be asked for a password.
pub trait Asker: Send + Sync {
    /// Asks for a value that is not shown while it is typed; `prompt` says which.
    fn ask(&self, prompt: &str) -> Result<String, Fault>;
}

/// Where values come from.
#[derive(Default)]
pub struct Secrets {
    asker: Option<Arc<dyn Asker>>,
    given: Mutex<BTreeMap<String, String>>,
}

impl Secrets {
    /// From now on this one is asked.
    pub fn set_asker(&mut self, asker: Arc<dyn Asker>) {
        self.asker = Some(asker);
    }

    /// Options with their values put in.
    pub fn put_in(&self, options: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
        let put = |(key, value): (&String, &String)| Ok((key.clone(), self.value(value)?));
        options.iter().map(put).collect()
    }

    /// Forgets what the user gave: it may have been wrong.
    pub fn forget(&self) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn value(&self, typed: &str) -> Result<String, Fault> {
        let Some((kind, name)) = reference(typed) else { return Ok(typed.to_string()) };
        match kind {
            "env" => std::env::var(name).map_err(|_| {
                let error = SqlError::new("E0710", format!("the environment has no variable {name}"));
                let ask = self.asker.as_ref().map(|_| format!(", or write '${{ask:{name}}}' to be asked"));
                error.hint(format!("start the program with {name} set{}", ask.unwrap_or_default())).into()
            }),
            "ask" => self.asked(name),
            // Other forms belong to whoever reads the value.
            _ => Ok(typed.to_string()),
        }
    }

    fn asked(&self, name: &str) -> Result<String, Fault> {
        let known = self.given.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(asker) = &self.asker else {
            let error = SqlError::new("E0708", format!("nobody can be asked for {name} here"));
            return Err(error.hint(format!("take it from the environment: '${{env:{name}}}'")).into());
        };
        let given = asker.ask(name)?;
        self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), given.clone());
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Parrot(AtomicUsize);

    impl Asker for Parrot {
        fn ask(&self, prompt: &str) -> Result<String, Fault> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(format!("said {prompt}"))
        }
    }

    fn one(secrets: &Secrets, value: &str) -> Result<String, Fault> {
        let options = BTreeMap::from([("password".to_string(), value.to_string())]);
        Ok(secrets.put_in(&options)?.remove("password").expect("it is there"))
    }

    #[test]
    fn values_come_from_where_they_are_said_to_be() {
        let mut secrets = Secrets::default();
        assert!(one(&secrets, "${ask:broker}").expect_err("nobody is there").hints[0].contains("${env:broker}"));
        let parrot = Arc::new(Parrot(AtomicUsize::new(0)));
        secrets.set_asker(parrot.clone());
        for plain in ["", "hunter2", "${", "${x}", "${file:/etc/key}", "a ${env:HOME}"] {
            assert_eq!(one(&secrets, plain).as_deref(), Ok(plain));
        }
        assert_eq!(one(&secrets, "${env:PATH}").ok(), std::env::var("PATH").ok());
        assert!(one(&secrets, "${env:NO_SUCH_VARIABLE_HERE}").is_err());
        for _ in 0..3 {
            assert_eq!(one(&secrets, "${ask:broker}").as_deref(), Ok("said broker"));
        }
        assert_eq!(parrot.0.load(Ordering::Relaxed), 1, "one is asked once");
        secrets.forget();
        assert!(one(&secrets, "${ask:broker}").is_ok());
        assert_eq!(parrot.0.load(Ordering::Relaxed), 2);
    }
}
