//! The functions that a cell declares for SQL: their names, what they take and what they give, read from the
//! items that are marked. What cannot be a function of SQL is refused here with its place, before rustc sees it.

use arrow::datatypes::{DataType, Field};
use millstream_plan::{Argument, Uncompiled, UserKind};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, ImplItem, Item, ItemFn, ItemImpl, ItemStruct, Pat, ReturnType, Signature};

use crate::cell::{Cell, attributes, is_mark, place, said};
use crate::types::{self, Gives, KNOWN, Wrapped};

/// A function for SQL.
pub struct Declared {
    /// Its name in SQL.
    pub name: String,
    /// Its name in the cell, or that of the type whose cells it fills.
    pub ident: String,
    /// What it takes.
    pub arguments: Vec<Argument>,
    /// What it gives: of a table function the type of a row.
    pub gives: DataType,
    /// Whether it can give null without a null argument.
    pub nullable: bool,
    /// What kind of function it is.
    pub kind: UserKind,
    /// Whether it is an aggregate with a function `retract`.
    pub retracts: bool,
    /// How the rows of a table function are wrapped.
    pub wrapped: Wrapped,
}

/// The names of the four functions of an aggregate, with what each looks like.
const PARTS: [(&str, &str); 4] = [
    ("init", "fn init() -> Self"),
    ("update", "fn update(&mut self, …)"),
    ("merge", "fn merge(&mut self, other: Self)"),
    ("finish", "fn finish(&self) -> …"),
];

/// The functions of a cell in their order.
pub fn declared(cell: &Cell, source: &str) -> Result<Vec<Declared>, Uncompiled> {
    let reader = Reader { cell, source };
    let mut found: Vec<Declared> = Vec::new();
    for item in &cell.items {
        let Some(mark) = attributes(item).iter().find(|attribute| is_mark(attribute)) else { continue };
        let one = match item {
            Item::Fn(function) => reader.function(function, mark)?,
            Item::Impl(implementation) => reader.aggregate(implementation, mark)?,
            other => {
                let refused = reader.refuse(other, "only a function, or the impl of an aggregate, can be #[udf]");
                return Err(hinted(refused, "mark the impl block that has init, update, merge and finish"));
            }
        };
        if found.iter().any(|other| other.name == one.name) {
            return Err(reader.refuse(item, &format!("the cell declares '{}' twice", one.name)));
        }
        found.push(one);
    }
    Ok(found)
}

/// Reads the items of one cell.
struct Reader<'c> {
    cell: &'c Cell,
    source: &'c str,
}

fn hinted(mut refused: Uncompiled, hint: impl Into<String>) -> Uncompiled {
    refused.hints.push(hint.into());
    refused
}

impl Reader<'_> {
    fn refuse(&self, at: &dyn Placed, message: &str) -> Uncompiled {
        Uncompiled { place: Some(place(self.source, at.place())), ..said(message.to_string()) }
    }

    fn function(&self, function: &ItemFn, mark: &Attribute) -> Result<Declared, Uncompiled> {
        let signature = &function.sig;
        let ident = signature.ident.to_string();
        self.plain(signature)?;
        let name = self.name(mark, ident.clone())?;
        let arguments = signature.inputs.iter().enumerate();
        let arguments = arguments.map(|(at, input)| self.argument(at, input, &name)).collect::<Result<_, _>>()?;
        let Gives { data_type, table, nullable, wrapped } = self.gives(&signature.output, &name, signature)?;
        let kind = if table { UserKind::Table } else { UserKind::Scalar };
        Ok(Declared { name, ident, arguments, gives: data_type, nullable, kind, retracts: false, wrapped })
    }

    fn aggregate(&self, of: &ItemImpl, mark: &Attribute) -> Result<Declared, Uncompiled> {
        let ident = types::last(&of.self_ty).filter(|_| of.trait_.is_none() && of.generics.params.is_empty());
        let Some(ident) = ident else {
            return Err(self.refuse(&of.self_ty, "an aggregate is a plain impl of a struct of the cell"));
        };
        let part = |name: &str| {
            of.items.iter().find_map(|item| match item {
                ImplItem::Fn(function) if function.sig.ident == name => Some(&function.sig),
                _ => None,
            })
        };
        for (name, looks) in PARTS {
            let Some(signature) = part(name) else {
                let refused = self.refuse(&of.self_ty, &format!("the aggregate {ident} has no function '{name}'"));
                return Err(hinted(refused, format!("it needs {looks}")));
            };
            self.plain(signature)?;
            let receiver = signature.receiver();
            let fits = match name {
                "init" => receiver.is_none() && signature.inputs.is_empty(),
                "finish" => receiver.is_some_and(|me| me.mutability.is_none() && me.reference.is_some()),
                _ => receiver.is_some_and(|me| me.mutability.is_some() && me.reference.is_some()),
            };
            if !fits || (name == "merge" && signature.inputs.len() != 2) {
                return Err(self.refuse(signature, &format!("'{name}' of an aggregate looks like this: {looks}")));
            }
        }
        let name = self.name(mark, snake_case(&ident))?;
        let (update, finish) = (part("update").expect("was found"), part("finish").expect("was found"));
        let inputs = update.inputs.iter().skip(1).enumerate();
        let arguments: Vec<Argument> =
            inputs.map(|(at, input)| self.argument(at, input, &name)).collect::<Result<_, _>>()?;
        if arguments.is_empty() {
            return Err(self.refuse(update, "'update' of an aggregate takes at least one value besides itself"));
        }
        let Gives { data_type, table, nullable, wrapped } = self.gives(&finish.output, &name, finish)?;
        if table {
            return Err(self.refuse(&finish.output, "'finish' of an aggregate gives one value"));
        }
        let retracts = match part("retract") {
            Some(retract) => self.retract(retract, update, &name)?,
            None => false,
        };
        let kind = UserKind::Aggregate;
        Ok(Declared { name, ident, arguments, gives: data_type, nullable, kind, retracts, wrapped })
    }

    /// The function that takes rows back, which takes what `update` takes.
    fn retract(&self, retract: &Signature, update: &Signature, function: &str) -> Result<bool, Uncompiled> {
        self.plain(retract)?;
        let types = |signature: &Signature| -> Vec<String> {
            let typed = signature.inputs.iter().filter_map(|input| match input {
                FnArg::Typed(input) => Some(self.written(&input.ty).split_whitespace().collect()),
                FnArg::Receiver(_) => None,
            });
            typed.collect()
        };
        let receiver = retract.receiver().is_some_and(|me| me.mutability.is_some() && me.reference.is_some());
        if !receiver || types(retract) != types(update) {
            let message = format!("'retract' of {function} takes back what 'update' has added: it takes the same");
            return Err(hinted(
                self.refuse(retract, &message),
                "fn retract(&mut self, …) with the arguments of update",
            ));
        }
        Ok(true)
    }

    /// Refuses what cannot be called from SQL.
    fn plain(&self, signature: &Signature) -> Result<(), Uncompiled> {
        let ident = &signature.ident;
        let refuse = |what: &str| Err(self.refuse(signature, &format!("{ident} is {what}; SQL cannot call that")));
        let types =
            signature.generics.type_params().next().is_some() || signature.generics.const_params().next().is_some();
        match () {
            () if signature.asyncness.is_some() => refuse("async"),
            () if signature.unsafety.is_some() => refuse("unsafe"),
            () if types => refuse("generic"),
            () if signature.variadic.is_some() => refuse("variadic"),
            () => Ok(()),
        }
    }

    fn argument(&self, at: usize, input: &FnArg, function: &str) -> Result<Argument, Uncompiled> {
        let FnArg::Typed(input) = input else {
            return Err(self.refuse(input, &format!("{function} takes self; mark an impl to make an aggregate")));
        };
        let name = match &*input.pat {
            Pat::Ident(ident) => ident.ident.to_string(),
            _ => format!("arg{}", at + 1),
        };
        let (of, sees_null) = types::optional(&input.ty);
        match types::value(of) {
            Some(data_type) => Ok(Argument { name, data_type, sees_null }),
            None => {
                let written = self.written(&input.ty);
                let message = format!("the argument '{name}' of {function} is {written}, which is no type of SQL");
                Err(hinted(self.refuse(&input.ty, &message), format!("it may be one of {KNOWN}")))
            }
        }
    }

    fn gives(&self, output: &ReturnType, function: &str, signature: &Signature) -> Result<Gives, Uncompiled> {
        types::gives(output, &|name| self.row(name)).map_err(|unknown| match unknown {
            None => hinted(
                self.refuse(signature, &format!("{function} gives nothing; a function of SQL gives a value")),
                "write -> and a type behind the arguments",
            ),
            Some(of) => hinted(
                self.refuse(of, &format!("{function} gives {}, which is no type of SQL", self.written(of))),
                format!("it may be one of {KNOWN}; a tuple or struct of these; for several rows a Vec or an iterator of these"),
            ),
        })
    }

    /// The columns of a struct of the cell.
    fn row(&self, name: &str) -> Option<DataType> {
        let field = |field: &syn::Field| {
            let name = field.ident.as_ref()?.to_string();
            Some(Field::new(name, types::value(types::optional(&field.ty).0)?, true))
        };
        let fields: Option<Vec<Field>> = structure(self.cell, name)?.fields.iter().map(field).collect();
        fields.filter(|fields| !fields.is_empty()).map(|fields| DataType::Struct(fields.into()))
    }

    fn written(&self, at: &dyn Placed) -> String {
        let (start, end) = place(self.source, at.place());
        self.source[start..end].to_string()
    }

    fn name(&self, mark: &Attribute, otherwise: String) -> Result<String, Uncompiled> {
        let mut name = otherwise;
        if matches!(mark.meta, syn::Meta::Path(_)) {
            return Ok(name.to_lowercase());
        }
        let read = mark.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("only `name` can be said of a function: #[udf(name = \"…\")]"));
            }
            name = meta.value()?.parse::<syn::LitStr>()?.value();
            Ok(())
        });
        read.map_err(|error| self.refuse(mark, &error.to_string()))?;
        Ok(name.to_lowercase())
    }
}

/// The struct of a cell with this name.
pub fn structure<'c>(cell: &'c Cell, name: &str) -> Option<&'c ItemStruct> {
    cell.items.iter().find_map(|item| match item {
        Item::Struct(structure) if structure.ident == name => Some(structure),
        _ => None,
    })
}

/// Whatever has a place in the text, behind one type.
trait Placed {
    fn place(&self) -> proc_macro2::Span;
}

impl<T: Spanned> Placed for T {
    fn place(&self) -> proc_macro2::Span {
        self.span()
    }
}

/// `GeometricMean` as `geometric_mean`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && at > 0 && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
