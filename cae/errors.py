"""One family of errors, each named for the reader's situation; each message is a sentence to show."""


class CaeError(Exception):
    """A problem that the person in front of the screen can understand and solve."""


class InvalidOption(CaeError):
    """An option has an invalid value; `option` names the field."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


class InvalidName(CaeError):
    """A run cannot have this name."""


class RunNotFound(CaeError):
    """There is no run of this name."""


class RunExists(CaeError):
    """There is already a run of this name."""


class RunBusy(CaeError):
    """Another process is using this run."""


class TooMany(CaeError):
    """A visitor has reached a limit, or a wall has."""


class NotModerator(CaeError):
    """Only the moderator of the class may do this."""


class ClassNotFound(CaeError):
    """There is no class of this name."""


class NotResumable(CaeError):
    """This run cannot be continued."""


class Diverged(CaeError):
    """The loss is no longer a finite number."""


class Damaged(CaeError):
    """A file is damaged; the message names it."""


class DoesNotFit(CaeError):
    """These weights do not fit this architecture."""


class DataUnavailable(CaeError):
    """A data set is not on this machine and cannot be downloaded."""


class ReadOnly(CaeError):
    """This laboratory, or this run, can be viewed but not changed."""


class Unwritable(CaeError):
    """A file cannot be written: the disk is full, or the folder is closed to us."""


class DatasetExists(CaeError):
    """There is already a data set of this name."""


class UnusableData(CaeError):
    """No data set can be made of this folder or file."""


class UnreadablePicture(CaeError):
    """A picture cannot be opened, or has no digit in it; `reason` says why, for any number of pictures."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class CannotProject(CaeError):
    """These codes cannot be projected in this way."""


class NoJudge(CaeError):
    """There is no classifier for this data set."""


class CannotFit(CaeError):
    """A prior cannot be fitted to these codes."""


class CannotCompare(CaeError):
    """These runs have nothing to compare."""


class NotInstalled(CaeError):
    """This needs a library that is not installed."""
