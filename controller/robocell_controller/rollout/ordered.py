"""Who acts in an order: its bundle, alone, with a candidate in its shadow, or taking turns with one."""

from __future__ import annotations

from pathlib import Path

from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.order import Order
from robocell_controller.rollout.canary import Canary
from robocell_controller.rollout.deployment import Deployment, admitted, deploy
from robocell_controller.rollout.shadow import Shadowing
from robocell_controller.rollout.store import Store
from robocell_controller.rollout.supervised import Supervised


def deployment(order: Order, cell: CellConfig) -> Supervised:
    """Who acts, under supervision, and what runs beside it.

    Raises:
        InputError: no such program or name, or a bundle that does not pass its checks.
    """
    if order.canary and order.shadow:
        raise InputError("--canary", f"{order.canary} beside --shadow {order.shadow}", "one of the two")
    return Supervised(cell, _unsupervised(order, cell))


def _unsupervised(order: Order, cell: CellConfig) -> Deployment:
    if order.canary:
        return Canary(order.bundle, Path(order.canary), cell, Store(), order.seed)
    active = deploy(order.bundle, cell)
    return Shadowing(active, admitted(Path(order.shadow), cell, on_trial=True)) if order.shadow else active
