//! Statements whose effect their text alone decides: no file, variable of the environment or clock can.
//!
//! A value that only such statements make is known without importing its module.

use ruff_python_ast::{Expr, Parameters, Stmt, StmtClassDef, StmtFunctionDef};

/// Functions that give the same for the same arguments, whoever calls them: by the last part of the name.
const PURE: [&str; 50] = [
    "Column",
    "Counter",
    "Decimal",
    "Enum",
    "Field",
    "Fraction",
    "NewType",
    "OrderedDict",
    "ParamSpec",
    "Path",
    "PurePath",
    "TypeVar",
    "abs",
    "array",
    "asarray",
    "attrib",
    "auto",
    "bool",
    "bytes",
    "compile",
    "complex",
    "dataclass",
    "date",
    "datetime",
    "defaultdict",
    "deque",
    "dict",
    "divmod",
    "enumerate",
    "field",
    "float",
    "frozenset",
    "getLogger",
    "int",
    "len",
    "list",
    "max",
    "min",
    "namedtuple",
    "property",
    "range",
    "round",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "timedelta",
    "tuple",
    "zip",
];

/// Attributes that lead to what differs between machines and moments.
const SHIFTING: [&str; 6] = ["argv", "environ", "environb", "executable", "path", "platform"];

/// Tells whether running a statement gives what its text and the names that it reads say, and no more.
pub(crate) fn is_plain(statement: &Stmt) -> bool {
    match statement {
        Stmt::FunctionDef(function) => is_plain_function(function),
        Stmt::ClassDef(class) => is_plain_class(class),
        Stmt::Assign(assignment) => {
            assignment.targets.iter().all(is_plain_expression) && is_plain_expression(&assignment.value)
        }
        Stmt::AnnAssign(assignment) => assignment.value.as_deref().is_none_or(is_plain_expression),
        Stmt::AugAssign(assignment) => {
            is_plain_expression(&assignment.target) && is_plain_expression(&assignment.value)
        }
        Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Pass(_) | Stmt::TypeAlias(_) => true,
        // A text on its own documents what stands around it.
        Stmt::Expr(expression) => {
            expression.value.is_string_literal_expr() || expression.value.is_ellipsis_literal_expr()
        }
        _ => false,
    }
}

fn is_plain_function(function: &StmtFunctionDef) -> bool {
    function.decorator_list.iter().all(|decorator| is_plain_decorator(&decorator.expression))
        && has_plain_defaults(&function.parameters)
}

/// A decorator is code that is reached like any other; only what it is given can differ.
fn is_plain_decorator(decorator: &Expr) -> bool {
    match decorator {
        Expr::Call(call) => {
            is_name(&call.func)
                && call.arguments.iter_source_order().all(|argument| is_plain_expression(argument.value()))
        }
        other => is_name(other),
    }
}

fn is_plain_class(class: &StmtClassDef) -> bool {
    class.decorator_list.iter().all(|decorator| is_plain_decorator(&decorator.expression))
        && class
            .arguments
            .iter()
            .flat_map(|arguments| arguments.iter_source_order())
            .all(|argument| is_plain_expression(argument.value()))
        && class.body.iter().all(is_plain)
}

fn has_plain_defaults(parameters: &Parameters) -> bool {
    parameters.iter_non_variadic_params().filter_map(|parameter| parameter.default()).all(is_plain_expression)
}

fn is_name(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => {
            !SHIFTING.contains(&attribute.attr.as_str()) && is_name(&attribute.value)
        }
        _ => false,
    }
}

fn is_plain_expression(expression: &Expr) -> bool {
    let all = |expressions: &[Expr]| expressions.iter().all(is_plain_expression);
    match expression {
        Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_)
        | Expr::EllipsisLiteral(_) => true,
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => {
            !SHIFTING.contains(&attribute.attr.as_str()) && is_plain_expression(&attribute.value)
        }
        Expr::Lambda(lambda) => lambda.parameters.as_deref().is_none_or(has_plain_defaults),
        Expr::BoolOp(operation) => all(&operation.values),
        Expr::BinOp(operation) => {
            is_plain_expression(&operation.left) && is_plain_expression(&operation.right)
        }
        Expr::UnaryOp(operation) => is_plain_expression(&operation.operand),
        Expr::Compare(comparison) => is_plain_expression(&comparison.left) && all(&comparison.comparators),
        Expr::If(choice) => {
            is_plain_expression(&choice.test)
                && is_plain_expression(&choice.body)
                && is_plain_expression(&choice.orelse)
        }
        Expr::List(list) => all(&list.elts),
        Expr::Tuple(tuple) => all(&tuple.elts),
        Expr::Set(set) => all(&set.elts),
        Expr::Dict(dict) => dict.items.iter().all(|item| {
            item.key.as_ref().is_none_or(is_plain_expression) && is_plain_expression(&item.value)
        }),
        Expr::Subscript(subscript) => {
            is_plain_expression(&subscript.value) && is_plain_expression(&subscript.slice)
        }
        Expr::Slice(slice) => [&slice.lower, &slice.upper, &slice.step]
            .into_iter()
            .flatten()
            .all(|bound| is_plain_expression(bound)),
        Expr::Starred(starred) => is_plain_expression(&starred.value),
        Expr::Call(call) => {
            is_pure_call(&call.func)
                && call.arguments.iter_source_order().all(|argument| is_plain_expression(argument.value()))
        }
        _ => false,
    }
}

fn is_pure_call(function: &Expr) -> bool {
    match function {
        Expr::Name(name) => PURE.contains(&name.id.as_str()),
        Expr::Attribute(attribute) => PURE.contains(&attribute.attr.as_str()) && is_name(&attribute.value),
        _ => false,
    }
}
