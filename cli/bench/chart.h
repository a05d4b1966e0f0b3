// Figures as bars: an SVG file without scripts or fonts of its own.
#pragma once

#include <string>

#include "cli/bench/figures.h"

namespace nestp::bench {

/// Ratios to the reference, one group of bars a figure; what has none is left out.
std::string chart_svg(const Figures& figures);

}  // namespace nestp::bench
