"""One small family of errors. Every message says what was found and where, what was expected, what to do."""


class ForensicsError(Exception):
    """Anything this library can say about its input; the command line prints it without a traceback."""


class PackageError(ForensicsError):
    """The data package can't be opened at all (no folder, no table, a secrecy link)."""


class ParameterError(ForensicsError):
    """A parameter has an unknown name, a wrong type, or a value outside its range."""


class TooFewObservations(ForensicsError):
    """A method was given less data than it can give a sensible answer on."""


class ReportError(ForensicsError):
    """A chapter failed, or the report can't be written where it was asked for."""
