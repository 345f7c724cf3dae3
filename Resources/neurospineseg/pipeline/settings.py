"""What a user chooses for a run: one form for the shell, the worker, the panel, many cases and Python.

Slicer's own process makes settings too, so nothing here imports torch or pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from neurospineseg.errors import InputError
from neurospineseg.geometry.region import Region

AUTOMATIC: Literal["auto"] = "auto"


@dataclass(frozen=True)
class Settings:
    """What the user chose.

    Raises:
        InputError: a value is of another type than its field.

    Attributes:
        model: bundle name or folder; None for the task's default.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        structures: keys of the structures to keep; None for all.
        region: only inside it is anything segmented; None for the whole scan. ``auto`` is the part that shows tissue, for models that do
            not look for their region themselves.
        register: whether modalities are first aligned rigidly to the reference scan.
        force: whether scans and results that are not what the model expects are warned of instead of refused.
        uncertainty: whether the result also says where the model is uncertain.
        measure: whether what was found is also measured, see ``neurospineseg.measurements``.

    >>> Settings(structures=("edema",)).structures
    ('edema',)
    """

    model: str | None = None
    device: str = "auto"
    structures: tuple[str, ...] | None = None
    region: Region | Literal["auto"] | None = None
    register: bool = False
    force: bool = False
    uncertainty: bool = False
    measure: bool = False

    def __post_init__(self) -> None:
        if self.model is not None:
            _check_text("model", self.model)
        _check_text("device", self.device)
        if self.structures is not None and not _names_some(self.structures):
            raise InputError(f"The option 'structures' is {self.structures!r}; give a tuple of structure keys, or None for all.")
        if not (self.region is None or isinstance(self.region, Region) or (isinstance(self.region, str) and self.region == AUTOMATIC)):
            raise InputError(f"The option 'region' is {self.region!r}; give a Region, 'auto', or None for the whole scan.")
        for name in ("register", "force", "uncertainty", "measure"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"The option '{name}' is {getattr(self, name)!r}; give True or False.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """Settings from what shell, console or worker were given, by the names of the fields; what is left out has its default.

        Args:
            options: ``structures`` may be a text with commas, ``region`` what ``region_of`` takes; an empty list is none.

        Raises:
            InputError: there is no such option, or a value cannot be used.

        >>> Settings.of({"structures": "edema, necrotic_core", "region": "-10,10,-20,20,0,30"}).region.size
        (20.0, 40.0, 30.0)
        """
        known = [each.name for each in fields(cls)]
        unknown = next((name for name in options if name not in known), None)
        if unknown is not None:
            raise InputError(f"There is no option '{unknown}'; choose among {', '.join(known)}.")
        given = dict(options)
        given["structures"] = keys_of(given.get("structures"))
        given["region"] = region_of(given.get("region"))
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """The settings as ``Settings.of`` takes them, of JSON's own types."""
        made = {each.name: getattr(self, each.name) for each in fields(self)}
        made["structures"] = None if self.structures is None else list(self.structures)
        made["region"] = self.region.as_lists() if isinstance(self.region, Region) else self.region
        return made


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InputError(f"The option '{name}' is {value!r}; give its name as text.")
    if not value:
        raise InputError(f"There is no {name} ''; name one, or leave the option out.")


def _names_some(structures: Any) -> bool:
    return isinstance(structures, tuple) and bool(structures) and all(isinstance(key, str) for key in structures)


DEFAULTS = Settings()


def keys_of(structures: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Structure keys from a text with commas or several texts; None, for all, where none is named.

    Raises:
        InputError: a text names none, or it is neither text nor texts.
    """
    if isinstance(structures, str):
        keys = tuple(key.strip() for key in structures.split(",") if key.strip())
        if not keys:
            raise InputError("No structure was named; give their keys with commas between, or leave the option out for all.")
        return keys
    try:
        return tuple(structures or ()) or None
    except TypeError as error:
        raise InputError(f"The structures {structures!r} are no keys; give their keys with commas between, or a list of them.") from error


def region_of(given: Region | Mapping[str, Any] | str | Iterable[float] | None) -> Region | Literal["auto"] | None:
    """A region from itself, from ``Region.as_lists``, from ``auto``, or from six bounds in mm (numbers, or a text of them).

    Raises:
        InputError: it is malformed or empty.
    """
    if given is None or isinstance(given, Region):
        return given
    if isinstance(given, str) and given == AUTOMATIC:
        return AUTOMATIC
    if isinstance(given, Mapping):
        return Region.from_lists(dict(given))
    try:
        bounds = tuple(float(part) for part in (given.replace(",", " ").split() if isinstance(given, str) else given))
    except (TypeError, ValueError) as error:
        raise InputError(f"The region '{given}' is not six numbers; give R low,R high,A low,A high,S low,S high in mm.") from error
    return Region.from_bounds(bounds)
