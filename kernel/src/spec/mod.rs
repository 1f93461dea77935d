//! How Jupyter learns of the kernel: a folder with `kernel.json`, where Jupyter looks for such folders.

mod doctor;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use jupyter_protocol::JupyterKernelspec;

pub use doctor::doctor;

/// The name of the folder, if no other is chosen.
const NAME: &str = "millstream";
const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\"><circle cx=\"32\" cy=\"32\" r=\"26\" \
fill=\"#eef3f8\" stroke=\"#4c78a8\" stroke-width=\"4\"/><circle cx=\"32\" cy=\"32\" r=\"6\" fill=\"#4c78a8\"/>\
<path d=\"M32 26 V8 M32 38 V56 M26 32 H8 M38 32 H56\" stroke=\"#4c78a8\" stroke-width=\"4\"/></svg>\n";

/// For whom the kernel is installed.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// For you alone: in $JUPYTER_DATA_DIR, else in your home folder (the default)
    #[arg(long, conflicts_with_all = ["sys_prefix", "prefix"])]
    user: bool,
    /// In the Python environment that is active: $VIRTUAL_ENV or $CONDA_PREFIX
    #[arg(long, conflicts_with = "prefix")]
    sys_prefix: bool,
    /// Below this folder, in share/jupyter
    #[arg(long, value_name = "P")]
    prefix: Option<PathBuf>,
    /// The name by which Jupyter calls it
    #[arg(long, value_name = "N", default_value = NAME)]
    name: String,
}

impl Place {
    /// The folder of the kernel.
    fn folder(&self) -> Result<PathBuf, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || !self.name.chars().all(fits) || self.name.starts_with('.') {
            return Err(format!("'{}' is no name for a kernel; letters, digits, '-', '_' and '.' make one", self.name));
        }
        let data = match &self.prefix {
            Some(prefix) => prefix.join("share/jupyter"),
            None if self.sys_prefix => environment()?.join("share/jupyter"),
            None => user_data_folder()?,
        };
        // Jupyter compares names without regard to case and writes them small.
        Ok(data.join("kernels").join(self.name.to_lowercase()))
    }
}

/// The Python environment that is active.
fn environment() -> Result<PathBuf, String> {
    let named = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().find_map(folder_in);
    named.ok_or_else(|| "no Python environment is active: neither VIRTUAL_ENV nor CONDA_PREFIX is set".into())
}

fn folder_in(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where Jupyter keeps the data of one user.
fn user_data_folder() -> Result<PathBuf, String> {
    if let Some(folder) = folder_in("JUPYTER_DATA_DIR") {
        return Ok(folder);
    }
    let home = folder_in("HOME").ok_or("there is no home folder: neither JUPYTER_DATA_DIR nor HOME is set")?;
    if cfg!(target_os = "macos") {
        return Ok(home.join("Library/Jupyter"));
    }
    Ok(folder_in("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("jupyter"))
}

/// Where connection files are, made if it does not exist.
pub fn runtime_folder() -> Result<PathBuf, String> {
    let folder = match folder_in("JUPYTER_RUNTIME_DIR") {
        Some(folder) => folder,
        None => user_data_folder()?.join("runtime"),
    };
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

/// What `kernel.json` says of this program.
fn spec() -> Result<JupyterKernelspec, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(JupyterKernelspec {
        argv: vec![program.display().to_string(), "-f".into(), "{connection_file}".into()],
        display_name: "Millstream".into(),
        language: "sql".into(),
        metadata: Some([("debugger".to_string(), false.into())].into_iter().collect()),
        interrupt_mode: Some("message".into()),
        env: None,
    })
}

/// Tells Jupyter about this kernel.
pub fn install(place: &Place) -> Result<(), String> {
    let folder = place.folder()?;
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut text = serde_json::to_value(spec()?).map_err(|error| error.to_string())?;
    // Fields that say nothing are left out: some readers refuse null.
    if let Some(fields) = text.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fs::write(folder.join("kernel.json"), format!("{text:#}\n")).map_err(failed)?;
    fs::write(folder.join("logo-svg.svg"), LOGO).map_err(failed)?;
    println!("installed {}", folder.display());
    Ok(())
}

/// Makes Jupyter forget this kernel. A folder that is not ours is left alone.
pub fn uninstall(place: &Place) -> Result<(), String> {
    let folder = place.folder()?;
    let spec = read(&folder)?;
    if !is_ours(&spec) {
        return Err(format!("{} belongs to another kernel, {}", folder.display(), spec.display_name));
    }
    let failed = |error: std::io::Error| format!("cannot remove {}: {error}", folder.display());
    for file in ["kernel.json", "logo-svg.svg"] {
        match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    fs::remove_dir(&folder).map_err(failed)?;
    println!("removed {}", folder.display());
    Ok(())
}

fn read(folder: &Path) -> Result<JupyterKernelspec, String> {
    let file = folder.join("kernel.json");
    let text = fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{} is damaged: {error}", file.display()))
}

fn is_ours(spec: &JupyterKernelspec) -> bool {
    let program = spec.argv.first().map(Path::new).and_then(Path::file_name);
    program.is_some_and(|name| name == "millstream-kernel")
}
