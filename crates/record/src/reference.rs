//! Values that stand somewhere else: `${env:NAME}` in the environment, `${ask:what}` with the user. An option
//! names them so, and whoever opens a connector puts them in.

/// Kind and name of a reference, `("env", "NAME")`; `None` if the value is just a value.
pub fn reference(value: &str) -> Option<(&str, &str)> {
    value.strip_prefix("${")?.strip_suffix('}')?.split_once(':')
}
