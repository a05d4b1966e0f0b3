"""bench/micro: nestp's own functions, by Google Benchmark."""

import json
import os
import subprocess

from .figure import Figure


def run(words, here):
    program = os.path.join(here.build, "bench/micro/micro_bench")
    if not os.path.exists(program):
        return
    command = [program, "--benchmark_format=json",
               f"--benchmark_min_time={0.05 if words.quick else 0.3}"]
    if words.only:
        command.append(f"--benchmark_filter={words.only}")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for result in json.loads(done.stdout or "{}").get("benchmarks", []):
        name = result["name"]
        if "instructions" in result:
            yield Figure("filter length", "micro", "instructions",
                         {"nestp": [result["instructions"]]}, 4096, "value")
        yield Figure(name, "micro", result["time_unit"], {"nestp": [result["cpu_time"]]}, None,
                     "value")
