#include <catch2/catch.hpp>

#include "cli/bench/chart.h"
#include "cli/bench/figures.h"

using namespace nestp::bench;

namespace {

Figures some_figures() {
  Figures figures{.reference = "native", .facts = {{"cpu", "a <fast> one"}}};
  figures.all.push_back({.name = "stat",
                         .title = "stat(2) & more",
                         .samples = {{"native", {300, 100, 200}}, {"nestp", {400, 100, 300, 900}}},
                         .failed = {{"proot", "not \"today\""}}});
  figures.all.push_back(
      {.name = "memory", .unit = "MB", .measure = "value", .samples = {{"nestp", {7}}}});
  return figures;
}

}  // namespace

TEST_CASE("a figure is the median of its rounds", "[cli][bench]") {
  const Figures figures = some_figures();
  CHECK(figures.all[0].median("native") == 200);
  CHECK(figures.all[0].median("nestp") == 350);
  CHECK_FALSE(figures.all[0].median("proot"));
  CHECK(figures.ratio(figures.all[0], "nestp") == 1.75);
  CHECK_FALSE(figures.ratio(figures.all[1], "nestp"));
}

TEST_CASE("contenders are shown in one order, also those that failed", "[cli][bench]") {
  CHECK(some_figures().contenders() == std::vector<std::string>{"native", "nestp", "proot"});
}

TEST_CASE("figures are read back as they were written", "[cli][bench]") {
  const std::string json = figures_json(some_figures());
  const auto read = parse_figures(json);
  REQUIRE(read);
  CHECK(figures_json(*read) == json);
  CHECK(read->fact("cpu") == "a <fast> one");
  CHECK_FALSE(parse_figures("{}"));
  CHECK_FALSE(parse_figures("nonsense"));
}

TEST_CASE("a table has a reason for what is missing", "[cli][bench]") {
  const std::string table = figures_table(some_figures());
  CHECK(table.find("200 ns") != std::string::npos);
  CHECK(table.find("1.75 x") != std::string::npos);
  CHECK(table.find("proot: not \"today\" (stat)") != std::string::npos);
}

TEST_CASE("a chart has bars of ratios alone, and no markup of its texts", "[cli][bench]") {
  const std::string chart = chart_svg(some_figures());
  CHECK(chart.find("stat(2) &amp; more") != std::string::npos);
  CHECK(chart.find("a &lt;fast&gt; one") != std::string::npos);
  CHECK(chart.find(">1.75<") != std::string::npos);
  CHECK(chart.find("memory") == std::string::npos);
}
