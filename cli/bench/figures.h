// What was measured: times by contender, as a table for people and as JSON, which can be read back.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/result.h"

namespace nestp::bench {

/// One line of the table.
struct Figure {
  std::string name;
  std::string title{};  ///< for people; empty: the name
  std::string part = "guest";
  std::string unit = "ns";
  /// A "ratio" to the reference is of interest; anything else is not drawn.
  std::string measure = "ratio";
  std::map<std::string, std::vector<double>> samples{};  ///< by contender, one a round
  std::map<std::string, std::string> failed{};           ///< by contender: why

  std::optional<double> median(const std::string& contender) const;
  const std::string& shown_name() const { return title.empty() ? name : title; }
};

struct Figures {
  std::string reference;  ///< the contender that the others are held against
  std::vector<std::pair<std::string, std::string>> facts{};  ///< of the machine and the run
  std::vector<Figure> all{};

  std::optional<double> ratio(const Figure& figure, const std::string& contender) const;
  /// Who has samples, in the order in which they are shown.
  std::vector<std::string> contenders() const;
  std::string fact(std::string_view name) const;
};

/// Also what bench/run writes is understood.
Result<Figures> parse_figures(std::string_view json);
std::string figures_json(const Figures& figures);
std::string figures_table(const Figures& figures);

/// Known contenders in the order in which they are shown, each with its colour in a chart.
struct KnownContender {
  std::string_view name;
  std::string_view colour;
};
std::vector<KnownContender> known_contenders();

}  // namespace nestp::bench
