"""What JAX compiles, for tests that it compiles nothing, and as users have it compiled."""

import jax

OPTIMIZED: dict[str, int | bool] = {"xla_backend_optimization_level": 3}  # the default
UNOPTIMIZED = "--xla_backend_optimization_level=0"
MARK = "pytest.mark.optimized"  # in the text of every file with tests that need OPTIMIZED
if jax.__version_info__ < (0, 12):  # a later XLA ends the process at an option that it lacks
    OPTIMIZED["xla_cpu_use_fusion_emitters"] = True
    UNOPTIMIZED += " --xla_cpu_use_fusion_emitters=false"


class count_compilations(list):
    """Names of what JAX compiles inside the block."""

    def __enter__(self):
        jax.monitoring.register_event_duration_secs_listener(self._listen)
        return self

    def __exit__(self, *_):
        jax.monitoring.unregister_event_duration_listener(self._listen)

    def _listen(self, event: str, _duration: float, **_kwargs) -> None:
        if event.endswith("backend_compile_duration"):
            self.append(event)
