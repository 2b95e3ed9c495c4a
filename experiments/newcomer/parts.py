"""D. Networks, optimizers, metrics and searchers of one's own."""

from typing import Any

import numpy as np

import hptjax
from experiments.newcomer.base import Refused, item, line_of, need, refusal
from experiments.newcomer.workshop import Workshop, images
from hptjax import choice, integer, loguniform, uniform
from hptjax import layers as L
from hptjax.strategies import proposal_at

OWN = """
import hptjax
import numpy as np
from hptjax.strategies import proposal_at
from pydantic import BaseModel


@hptjax.metric("maximize", sees="logits")
def share_of_hens(logits, labels):
    return float((logits.argmax(-1) == 3).mean())


class Blind:
    class Options(BaseModel):
        pass

    def __init__(self, context, options):
        self.space, self.rng = context.space, np.random.default_rng(context.own_seed)

    def ask(self, count):
        return [proposal_at(self.space, self.rng.random(len(self.space))) for _ in range(count)]

    def tell(self, proposals, values):
        pass
"""


@item(30, "optimizers, schedules, activations, pools, dropout, augmentations, patience; bf16",
      expects="refused")  # fmt: skip
def recipe(shop: Workshop) -> str:
    conv = L.Conv(8, activation=choice(["gelu", "silu"]), dropout=uniform(0.1, 0.3))
    model = hptjax.Model(
        layers=[conv, L.MaxPool(2), L.Flatten(), L.Head()],
        optimizer=choice(["adamw", {"sgd": {"momentum": 0.9}}]),
        lr=loguniform(1e-3, 1e-2),
        lr_schedule=choice(["cosine", "constant"]),
        warmup=0.1,
        batch_size=16,
        augment=["flip", {"rotate": 10}, {"crop": 2}],
        task={"classification": {"label_smoothing": 0.1}},
    )
    result = shop.tune(model=model, epochs=3, patience=1, trials=6, population_size=6)
    trained = [trial.status for trial in result.trials]
    need(set(trained) == {"trained"}, f"trials are {trained}")
    optimizers = {trial.hparams["optimizer"] for trial in result.trials}
    need(optimizers == {"adamw", "sgd"}, f"optimizers are {optimizers}")
    line = refusal(lambda: hptjax.run(shop.study, set={"model.precision": "bfloat16"}))
    return Refused(line, "all else trains in one program; arithmetic of half precision does not")


@item(31, "depth as an hparam, conditions, float steps, constraints, two objectives")
def spaces(shop: Workshop) -> str:
    hidden = L.Linear(integer(4, 16, each=True), label="hidden", depth=integer(0, 2))
    model = hptjax.Model(
        layers=[L.Flatten(), hidden, L.Head()], lr=loguniform(1e-4, 1e-2), batch_size=16,
        weight_decay=uniform(0.0, 0.01, step=0.005),
    )  # fmt: skip
    result = shop.tune(
        model=model,
        metric=["val_accuracy", "parameters"],
        constraints={"parameters": {"max": 10_000}},
        trials=8,
        population_size=8,
        epochs=1,
    )
    sizes = {len(trial.hparams) for trial in result.trials}
    need(len(sizes) > 1, "no hparam is ever inactive")
    decays = {trial.hparams["weight_decay"] for trial in result.trials}
    need(decays <= {0.0, 0.005, 0.01}, f"weight decays are {decays}")
    large = [t for t in result.trials if t.status != "infeasible" and t.parameters > 10_000]
    need(not large, "networks beyond the constraint were trained")
    states = sorted({trial.status for trial in result.trials})
    many = f"{min(sizes)} to {max(sizes)} active hparams"
    return f"{many}; trials are {' or '.join(states)}; front of {len(result.pareto)}"


@item(32, "macro F1, confusion; a metric and a searcher of one's own, by a file")
def own_parts(shop: Workshop) -> str:
    shop.write("newcomers_parts.py", OWN)
    change = {"metric": "newcomers_parts:share_of_hens", "strategies": ["newcomers_parts:Blind"]}
    assert shop.study
    result: Any = hptjax.run("r.yaml", set=change, out=False, progress=False)
    need(result.metric.name == "share_of_hens", f"the metric is {result.metric}")
    test = hptjax.load_images(shop.full, split="test")
    table = hptjax.load_network(shop.run).confusion(test)
    need(table.sum() == test.size, "the confusion matrix lacks images")
    f1: Any = hptjax.run("r.yaml", set={"metric": "val_macro_f1"}, out=False, progress=False)
    dotted = refusal(lambda: hptjax.run("r.yaml", set={"strategies": ["newcomers_parts.Blind"]}))
    need("newcomers_parts:Blind" in dotted, f"a dot has the answer: {dotted}")
    return (
        f"{result.best.id}: {result.metric.name} {result.best.value}; {f1.metric.name} "
        f"{f1.best.value:.2f}; confusion {table.tolist()}; a dot: {dotted.split('; ')[-1]}"
    )


@item(33, "layers without in_channels and all other options")
def short_layers(shop: Workshop) -> str:
    model = hptjax.Model(layers=[L.Conv(8), L.Conv(16, stride=2), L.Flatten(), L.Head()])
    text = model.to_yaml()
    need("in_channels" not in text, "in_channels must be written")
    shop.write("short.yaml", "model: {layers: [{conv: 8}, {conv: 16}, global_avg_pool, head]}\n")
    told = shop.hptjax("describe", "short.yaml", "--data", shop.full).ok()
    return f"layers: [{{conv: 8}}, ...]: {line_of(told, '^Images')} {line_of(told, 'parameters')}"


@item(34, "a searcher made of hparams; epochs are counted alike")
def proposals(shop: Workshop) -> str:
    class Listed:
        """Tries what it is given, by hparams alone."""

        def __init__(self, rates):
            self.rates = rates

        def ask(self, count):
            now, self.rates = self.rates[:count], self.rates[count:]
            space = shop.model.space
            return [proposal_at(space, space.encode({"lr": rate})) for rate in now]

        def tell(self, proposals, values):
            pass

    class Epochs(hptjax.Sink):
        seen: tuple[int, ...] = ()

        def epoch(self, strategy, epoch, metrics):
            self.seen += (epoch,)

    sink = Epochs()
    result = shop.tune(searcher=Listed([1e-3, 2e-3]), trials=2, callbacks=[sink])
    rates = [round(trial.hparams["lr"], 6) for trial in result.trials]
    need(rates == [1e-3, 2e-3], f"it tried {rates}")
    table = result.epochs_frame()
    need(sorted(set(table["epoch"])) == sorted(set(sink.seen)),
         f"sinks count {sink.seen}, tables {sorted(set(table['epoch']))}")  # fmt: skip
    return f"it tried lr {rates}; sinks and tables count epochs {sorted(set(sink.seen))}"


@item(35, "a trial alone in Python")
def alone(shop: Workshop) -> str:
    result = shop.result
    trial = next(t for t in result.trials if t is not result.best)
    network = result.retrain(trial)
    _, validation = hptjax.train_validation_split(hptjax.ImageDataset(*shop.pair), seed=0)
    loss = network.evaluate(validation)["loss"]
    recorded = trial.curves["val_loss"][-1]
    need(np.isclose(loss, recorded, rtol=1e-4), f"loss {loss} in place of {recorded}")
    return f"result.retrain({trial.id!r}): validation loss {loss:.4f}, recorded {recorded:.4f}"


@item(36, "to ONNX and PyTorch")
def exports(shop: Workshop) -> str:
    import onnxruntime

    said = shop.hptjax("export", shop.run, "--to", "best.onnx").ok()
    X, _ = images(8, seed=3)
    session = onnxruntime.InferenceSession(shop.folder / "best.onnx")
    out = session.run(None, {session.get_inputs()[0].name: X})
    proba = hptjax.load_network(shop.run).predict_proba(X)
    need(
        any(np.allclose(np.asarray(one), proba, atol=1e-5) for one in out),
        "ONNX gives other numbers",
    )
    torch = shop.hptjax("export", shop.run, "--to", "best.pt")
    text = torch.text if torch.code == 0 else torch.mistake()
    need(torch.code == 0 or "hptjax[torch]" in text, f"PyTorch: {text}")
    shop.hptjax("export", shop.run, "--to", "best.bin").mistake()
    return f"{said.strip()}; onnxruntime agrees; .pt: {text.strip()}"


@item(37, "a sampler of Optuna that needs a package")
def extras(shop: Workshop) -> str:
    from hptjax import MissingExtraError

    said = []
    for sampler, extra in {"GPSampler": "torch", "CmaEsSampler": "cmaes"}.items():
        try:
            shop.tune(searcher=f"optuna.{sampler}", trials=2, epochs=1)
            said.append(f"{sampler} runs")
        except MissingExtraError as error:
            need(f"'hptjax[{extra}]'" in str(error), str(error))
            said.append(str(error))
    return "; ".join(said)
