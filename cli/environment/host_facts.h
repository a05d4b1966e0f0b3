// What a session takes over from the host, if its files do not have it: time zone, locale, the
// machine's id, the desktop's sockets, the libraries of a graphics driver.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nestp::environment {

/// A variable of the environment that nestp was started with.
using Variable = std::function<std::optional<std::string>(const std::string& name)>;

/// Options of nestp for a session in `root`; `host` stands before the host's paths.
std::vector<std::string> host_fact_words(const std::string& root, const std::string& host,
                                         const Variable& variable);

/// The rule at the end of a file of tzfile(5), which says all of the present:
/// "CET-1CEST,M3.5.0,...".
std::string time_zone_rule(std::string_view file);

}  // namespace nestp::environment
