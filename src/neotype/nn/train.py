"""One loop in which every network learns: it stops early, on time, and goes on where it was.

torch is imported here and in the networks beside; whoever trains or draws imports these when he
needs them, as torch need not be installed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neotype.errors import FitError
from neotype.nn.watch import Watch
from neotype.outputs import appearing
from neotype.progress import Progress, silent

log = logging.getLogger("neotype")

Codes = NDArray[np.uint8]

_THREADS = 1
"""More would be other sums, and other networks, on other machines; and where cores are
busy, two took sixteen times as long as one."""
_TURN = RLock()
"""torch draws from one stream: blocks of rows that are drawn side by side take turns at it."""
_HELD, _MOST_HELD = 0.1, 20_000
"""The inner holdout: a share of the rows, and how many at most."""
_COOLER = 0.3
"""What a learning rate is multiplied by where nothing gets better."""
_COOLINGS = 2
_SETTLING, _SLOWEST = 0.3, 0.05
"""Over the last part of the epochs or the time allowed steps shrink, to so much of themselves."""
_CRASHES = 3
"""How often a loss may be no number before training ends."""
_LEAST_BATCH = 8


class Learner(nn.Module):
    """A network that learns rows of digits."""

    @property
    def at_once(self) -> int:
        """How many rows it draws together."""
        return 1024

    def parts(self) -> list[list[nn.Parameter]]:
        """Its parameters, in groups that are stepped apart."""
        return [list(self.parameters())]

    def begin(self, rows: Tensor) -> None:
        """Before the first step: what is learnt from the rows at once, kept in buffers."""

    def end(self, rows: Tensor) -> None:
        """After the last step: what the best state learns from the rows at once."""

    def steps(self, rows: Tensor) -> Iterator[tuple[int, Tensor]]:
        """For a batch (rows × digits, int64) which part to step next, and by what loss."""
        yield 0, self.loss(rows)

    def loss(self, rows: Tensor) -> Tensor:
        """The mean loss of a batch: by its inner holdout, training ends."""
        raise NotImplementedError


@dataclass(frozen=True)
class Training:
    """How long, how fast and where; the best state on the inner holdout is what is kept."""

    epochs: int = 200
    batch: int = 256
    rate: float = 1e-3
    patience: int = 4
    """Looks at the holdout, one an epoch, without a better one: then the rate cools or it ends."""
    seconds: float | None = None
    """Wall-clock time after which the best state so far is taken."""
    device: str = "auto"
    average: float = 0.0
    """Weights are averaged over steps, those before counting so much; 0 is the last alone."""
    decay: float = 0.0
    checkpoint: Path | None = None
    """A file that is written at every look, and from which an interrupted run goes on."""


@dataclass
class _State:
    """Where a run is: all that a checkpoint holds beside tensors."""

    epoch: int = 0
    looks: int = 0
    coolings: int = 0
    crashes: int = 0
    best: float = float("inf")
    rate: float = 0.0
    batch: int = 0
    spent: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Curve:
    """Each epoch's loss on the inner holdout, and why training ended."""

    losses: tuple[tuple[int, float], ...]
    ended: str


def device_of(name: str) -> torch.device:
    """The device by that name; auto is CUDA where there is one. FitError where it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise FitError(
            f"device '{name}' was asked for, and torch sees no CUDA device.",
            mend="use device='cpu', or 'auto', which takes what is there",
        )
    try:
        return torch.device(name)
    except RuntimeError as fault:
        raise FitError(
            f"torch knows no device '{name}'.", mend="use device='auto', 'cpu' or 'cuda'"
        ) from fault


@contextmanager
def alone(seed: int) -> Iterator[None]:
    """A seed and a number of threads of its own; then as before."""
    with _TURN:
        threads = torch.get_num_threads()
        torch.set_num_threads(_THREADS)
        try:
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                yield
        finally:
            torch.set_num_threads(threads)


def train(
    make: Callable[[], Learner],
    codes: Codes,
    settings: Training,
    *,
    seed: int,
    progress: Progress = silent,
) -> tuple[Learner, Curve]:
    """A network of `make` that learnt rows × digits `codes`, on the CPU, and how it went."""
    with alone(seed):
        run = _Run(make().to(device_of(settings.device)), codes, settings, seed)
        ended = run.learn(progress)
        with torch.no_grad():
            torch.manual_seed(seed)
            run.best.eval().end(run.rows)
        return run.best.cpu(), Curve(tuple(run.state.curve), ended)


class _Run:
    def __init__(self, learner: Learner, codes: Codes, settings: Training, seed: int) -> None:
        self.settings, self.learner = settings, learner
        self.device = next(learner.parameters()).device
        order = torch.randperm(len(codes)).numpy()
        held = min(max(1, round(_HELD * len(codes))), _MOST_HELD) if len(codes) > 1 else 0
        rows = torch.from_numpy(codes[order].astype(np.uint8)).to(self.device)
        self.held, self.rows = rows[: held or len(rows)], rows[held:]
        learner.begin(self.rows)
        self.state = _State(rate=settings.rate, batch=settings.batch)
        self.average = deepcopy(learner) if settings.average else learner
        self.best = deepcopy(self.average)
        self.optimizers = [
            torch.optim.AdamW(
                part, lr=settings.rate, weight_decay=settings.decay, betas=(0.9, 0.99)
            )
            for part in learner.parts()
        ]
        self.begun, self.pace = time.monotonic(), 1.0
        self.watch, self.said = Watch(self.rows, self.held), ""
        self.fingerprint = _fingerprint(learner, codes, settings, seed)
        self._resume()

    def learn(self, progress: Progress) -> str:
        """Epoch by epoch, until something says that it is enough; what did."""
        s, most = self.settings, self.settings.epochs
        while self.state.epoch < most:
            try:
                finite = self._epoch()
            except torch.OutOfMemoryError:
                self._smaller()
                continue
            ended = None if finite else self._restored()
            if finite:
                self.state.epoch += 1
                ended = self._looked(progress)
                self.keep()
            if ended is None and self._late():
                ended = f"after {s.seconds:g} seconds, as was asked"
            if ended is not None:
                progress("train", most, most, note=self.said)
                return ended
        return f"after {most} epochs"

    @property
    def _pace(self) -> float:
        """How large a step may be: where an end is near, a network settles before it comes."""
        left = 1 - self.state.epoch / self.settings.epochs
        if self.settings.seconds is not None:
            left = min(left, 1 - self._spent / self.settings.seconds)
        return min(1.0, max(_SLOWEST, left / _SETTLING))

    def _epoch(self) -> bool:
        """Every row once; whether all losses were numbers."""
        self.learner.train()
        self.pace = self._pace
        order = torch.randperm(len(self.rows)).to(self.device)
        for at in range(0, len(order), self.state.batch):
            batch = self.rows[order[at : at + self.state.batch]].long()
            with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
                steps = self.learner.steps(batch)
                for part, loss in steps:
                    if not torch.isfinite(loss):
                        return False
                    self._step(self.optimizers[part], loss)
            if self.average is not self.learner:
                self._averaged()
            if self._late():
                break
        return True

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.state.rate * self.pace
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()

    @torch.no_grad()
    def _averaged(self) -> None:
        # Young averages follow fast, lest they keep what was drawn at the start.
        share = min(self.settings.average, (1 + self.state.epoch) / (3 + self.state.epoch))
        for kept, own in zip(self.average.parameters(), self.learner.parameters(), strict=True):
            kept.lerp_(own, 1 - share)
        for kept, own in zip(self.average.buffers(), self.learner.buffers(), strict=True):
            kept.copy_(own)

    @torch.no_grad()
    def _loss(self) -> float:
        """Of the inner holdout, with the same draws at every look."""
        self.average.eval()
        total = 0.0
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for at in range(0, len(self.held), 1024):
                rows = self.held[at : at + 1024].long()
                total += float(self.average.loss(rows)) * len(rows)
        return total / len(self.held)

    def _looked(self, progress: Progress) -> str | None:
        """Keep the best state; why to end, where that is time."""
        state, loss = self.state, self._loss()
        state.curve.append((state.epoch, loss))
        if loss < state.best:
            state.best, state.looks = loss, 0
            self.best.load_state_dict(self.average.state_dict())
        else:
            state.looks += 1
        note = f"loss {loss:.4g}"
        if loss > state.best:
            note += f" (best {state.best:.4g})"
        if progress is not silent and not self._late():
            self.watch.look(self.best, self.rows)
        self.said = note + self.watch.said
        progress("train", state.epoch, self.settings.epochs, note=self.said)
        if state.looks < self.settings.patience:
            return None
        if state.coolings == _COOLINGS:
            return f"after {state.epoch} epochs, as nothing got better"
        state.coolings, state.looks = state.coolings + 1, 0
        state.rate *= _COOLER
        return None

    def _restored(self) -> str | None:
        """Go back to the best state, with smaller steps."""
        state = self.state
        state.crashes += 1
        self.learner.load_state_dict(self.best.state_dict())
        self.average.load_state_dict(self.best.state_dict())
        for optimizer in self.optimizers:
            optimizer.state.clear()
        state.rate *= _COOLER
        log.warning(
            "the loss was no number in epoch %d: the best state so far is restored, and the "
            "learning rate is %.2g",
            state.epoch + 1,
            state.rate,
        )
        return "as the loss was no number again" if state.crashes == _CRASHES else None

    def _smaller(self) -> None:
        """Half the batch, where it did not fit into memory."""
        if self.state.batch <= _LEAST_BATCH:
            raise FitError(
                f"a batch of {self.state.batch} rows does not fit into the memory of "
                f"{self.device}.",
                mend="use a smaller network, fewer columns, or device='cpu'",
            )
        self.state.batch //= 2
        torch.cuda.empty_cache()
        log.warning("out of memory: batches have %d rows from here on", self.state.batch)

    def _late(self) -> bool:
        limit = self.settings.seconds
        return limit is not None and self._spent > limit

    @property
    def _spent(self) -> float:
        return self.state.spent + time.monotonic() - self.begun

    def keep(self) -> None:
        """Write the checkpoint, whole or not at all."""
        path = self.settings.checkpoint
        if path is None:
            return
        from safetensors.torch import save

        now = asdict(self.state)
        now["spent"] = self._spent
        told = {"fingerprint": self.fingerprint, "state": json.dumps(now)}
        with appearing(path, force=True) as file:
            file.write(save(self._tensors(), metadata=told))

    def _tensors(self) -> dict[str, Tensor]:
        networks = {"learner": self.learner, "best": self.best, "average": self.average}
        tensors = {
            f"{name}/{key}": value.detach().clone().contiguous()
            for name, network in networks.items()
            for key, value in network.state_dict().items()
        }
        for k, optimizer in enumerate(self.optimizers):
            for p, slots in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer {k}/{p}/{key}": one.clone() for key, one in slots.items()}
        return tensors | {"random": torch.get_rng_state()}

    def _resume(self) -> None:
        """Go on from a checkpoint of the same data and settings; another one is an error."""
        path = self.settings.checkpoint
        if path is None or not path.exists():
            return
        from safetensors import SafetensorError, safe_open

        mend = "give another file, or remove that one to begin anew"
        try:
            with safe_open(str(path), "pt") as kept:
                told = kept.metadata() or {}
                tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as fault:
            raise FitError(f"{path} is no checkpoint, or a damaged one.", mend=mend) from fault
        if told.get("fingerprint") != self.fingerprint:
            raise FitError(f"the checkpoint {path} is of other data or other settings.", mend=mend)
        self.state = _State(**json.loads(told["state"]))
        self.state.curve = [(int(epoch), float(loss)) for epoch, loss in self.state.curve]
        networks = {"learner": self.learner, "best": self.best, "average": self.average}
        for name, network in networks.items():
            own = {k.removeprefix(f"{name}/"): v for k, v in tensors.items() if k.startswith(name)}
            network.load_state_dict(own)
        for k, optimizer in enumerate(self.optimizers):
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors.items():
                if name.startswith(f"optimizer {k}/"):
                    _, place, key = name.split("/")
                    slots.setdefault(int(place), {})[key] = value
            whole = optimizer.state_dict()
            optimizer.load_state_dict({**whole, "state": slots})
        torch.set_rng_state(tensors["random"])
        log.info("training goes on after epoch %d, from %s", self.state.epoch, path)


def _fingerprint(learner: Learner, codes: Codes, settings: Training, seed: int) -> str:
    """Of all that a run hangs on, but for how long it may take."""
    said = {**asdict(settings), "epochs": 0, "seconds": 0, "checkpoint": "", "seed": seed}
    made = {name: value for name, value in vars(learner).items() if isinstance(value, int | float)}
    shapes = {name: list(value.shape) for name, value in learner.state_dict().items()}
    told = json.dumps([said, made, shapes], sort_keys=True).encode()
    return blake2b(told + codes.tobytes(), digest_size=16).hexdigest()


def weights_of(learner: nn.Module) -> dict[str, NDArray[Any]]:
    """The weights by name, as arrays."""
    return {name: value.cpu().numpy().copy() for name, value in learner.state_dict().items()}


def with_weights(learner: Learner, weights: dict[str, NDArray[Any]]) -> Learner:
    """The network with these weights, ready to draw."""
    learner.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in weights.items()})
    learner.eval()
    return learner
