"""One family of errors, each named for the reader's situation; the text is one sentence fit to be shown."""


class CaeError(Exception):
    """Something that the person in front of the screen can understand and put right."""


class InvalidOption(CaeError):
    """An option has a value that cannot be used; `option` names the field."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


class InvalidName(CaeError):
    """A run cannot be called this."""


class RunNotFound(CaeError):
    """There is no run of this name."""


class RunExists(CaeError):
    """There is a run of this name already."""


class RunBusy(CaeError):
    """Another process is working on this run."""


class TooMany(CaeError):
    """Somebody has as much at work, or on a wall, as one visitor may have."""


class NotModerator(CaeError):
    """Only who started a class may do this on its wall."""


class ClassNotFound(CaeError):
    """There is no class of this name."""


class NotResumable(CaeError):
    """This run cannot be trained any further."""


class Diverged(CaeError):
    """The loss is no longer a finite number."""


class Damaged(CaeError):
    """A file is not what it should be; the sentence names it."""


class DoesNotFit(CaeError):
    """Weights, or a file, that do not belong to this architecture."""


class DataUnavailable(CaeError):
    """A data set is not on this machine and could not be fetched."""


class ReadOnly(CaeError):
    """This laboratory, or this run, may be looked at but not changed."""


class Unwritable(CaeError):
    """A file could not be written: the disk is full, or the folder is closed to us."""


class DatasetExists(CaeError):
    """There is a data set of this name already."""


class UnusableData(CaeError):
    """A folder or a file of which no data set can be made."""


class UnreadablePicture(CaeError):
    """A picture cannot be opened, or no digit can be found in it; `reason` says so of any number of pictures."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class CannotProject(CaeError):
    """These codes cannot be laid out in the plane in this way."""


class NoJudge(CaeError):
    """There is no independent classifier for this data set."""


class CannotFit(CaeError):
    """A prior cannot be fitted to these codes."""


class CannotCompare(CaeError):
    """These runs have nothing in common that could be compared."""


class NotInstalled(CaeError):
    """A library that only this needs is not installed."""
