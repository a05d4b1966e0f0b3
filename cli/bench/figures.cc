#include "cli/bench/figures.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

#include "cli/image/json.h"
#include "cli/json_text.h"

namespace nestp::bench {
namespace {

constexpr std::array kKnown = {
    KnownContender{"native", "#2e7d32"},    KnownContender{"chroot", "#66a96b"},
    KnownContender{"namespace", "#9ccc9f"}, KnownContender{"nestp", "#1b6ca8"},
    KnownContender{"nestp -0", "#7fb3d5"},  KnownContender{"no fast path", "#b58900"},
    KnownContender{"proot", "#c0392b"},     KnownContender{"bwrap", "#7d8a97"},
};

[[gnu::format(printf, 1, 2)]] std::string text_of(const char* format, ...) {
  std::array<char, 256> text;
  va_list values;
  va_start(values, format);
  (void)std::vsnprintf(text.data(), text.size(), format, values);
  va_end(values);
  return text.data();
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

Figure parse_figure(const Json& json) {
  Figure figure{.name = json["name"].text(), .title = json["title"].text()};
  figure.part = json["part"].text();
  figure.unit = json["unit"].text();
  figure.measure = json["measure"].text();
  const Json contenders = json["contenders"];
  for (const std::string& who : contenders.keys()) {
    const Json samples = contenders[who]["samples"];
    for (std::size_t index = 0; index < samples.size(); ++index)
      figure.samples[who].push_back(samples[index].real());
  }
  for (const std::string& who : json["failed"].keys())
    figure.failed[who] = json["failed"][who].text();
  return figure;
}

/// "{"KEY": VALUE, ...}", each value made by `value`.
template <typename Pairs, typename Value>
std::string object_text(const Pairs& pairs, const Value& value) {
  std::string text;
  for (const auto& [key, content] : pairs) {
    text += (text.empty() ? "" : ", ") + json_string(key) + ": " + value(content);
  }
  return "{" + text + "}";
}

std::string samples_text(const std::vector<double>& samples) {
  std::string text;
  for (const double sample : samples)
    text += (text.empty() ? "" : ", ") + text_of("%.1f", sample);
  return "{\"samples\": [" + text + "]}";
}

std::string cell(const Figures& figures, const Figure& figure, const std::string& who) {
  if (figure.failed.contains(who)) return "failed";
  if (who == figures.reference) {
    const auto time = figure.median(who);
    return time ? text_of("%.0f %s", *time, figure.unit.c_str()) : "-";
  }
  const auto ratio = figures.ratio(figure, who);
  return ratio ? text_of(*ratio < 10 ? "%.2f x" : "%.1f x", *ratio) : "-";
}

/// Why somebody failed, once for all figures of the same reason.
std::string failures_text(const Figures& figures) {
  std::map<std::string, std::string> reasons;
  for (const Figure& figure : figures.all) {
    for (const auto& [who, reason] : figure.failed) {
      std::string cause = who;
      cause.append(": ").append(reason);
      std::string& names = reasons[cause];
      names.append(names.empty() ? "" : ", ").append(figure.name);
    }
  }
  std::string text;
  for (const auto& [reason, names] : reasons)
    text.append(reason).append(" (").append(names).append(")\n");
  return text.empty() ? text : "\nFailed:\n" + text;
}

}  // namespace

std::vector<KnownContender> known_contenders() { return {kKnown.begin(), kKnown.end()}; }

std::optional<double> Figure::median(const std::string& contender) const {
  const auto found = samples.find(contender);
  if (found == samples.end() || found->second.empty()) return std::nullopt;
  std::vector<double> sorted = found->second;
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

std::optional<double> Figures::ratio(const Figure& figure, const std::string& contender) const {
  const auto time = figure.median(contender);
  const auto of_reference = figure.median(reference);
  if (figure.measure != "ratio" || !time || !of_reference || *of_reference <= 0) {
    return std::nullopt;
  }
  return *time / *of_reference;
}

std::vector<std::string> Figures::contenders() const {
  std::vector<std::string> present;
  const auto add = [&](const std::string& who) {
    const bool is_there = std::ranges::any_of(all, [&](const Figure& figure) {
      return figure.samples.contains(who) || figure.failed.contains(who);
    });
    if (is_there && std::ranges::find(present, who) == present.end()) present.push_back(who);
  };
  for (const KnownContender& known : kKnown)
    add(std::string(known.name));
  for (const Figure& figure : all) {
    for (const auto& [who, samples] : figure.samples)
      add(who);
  }
  return present;
}

std::string Figures::fact(std::string_view name) const {
  for (const auto& [key, value] : facts) {
    if (key == name) return value;
  }
  return {};
}

Result<Figures> parse_figures(std::string_view json) {
  const auto whole = Json::parse(json);
  if (!whole) return whole.error();
  Figures figures{.reference = (*whole)["reference"].text()};
  if (figures.reference.empty()) return Error{"it is not what nestp bench --json writes"};
  for (const std::string& name : (*whole)["facts"].keys())
    figures.facts.emplace_back(name, (*whole)["facts"][name].text());
  const Json all = (*whole)["figures"];
  for (std::size_t index = 0; index < all.size(); ++index)
    figures.all.push_back(parse_figure(all[index]));
  return figures;
}

std::string figures_json(const Figures& figures) {
  std::string text = "{\"reference\": " + json_string(figures.reference) +
                     ",\n \"facts\": " + object_text(figures.facts, json_string) +
                     ",\n \"figures\": [";
  for (const Figure& figure : figures.all) {
    text += (&figure == figures.all.data() ? "\n" : ",\n");
    text += "  {\"name\": " + json_string(figure.name) +
            ", \"title\": " + json_string(figure.title) +
            ", \"part\": " + json_string(figure.part) + ", \"unit\": " + json_string(figure.unit) +
            ", \"measure\": " + json_string(figure.measure) +
            ",\n   \"contenders\": " + object_text(figure.samples, samples_text) +
            ",\n   \"failed\": " + object_text(figure.failed, json_string) + "}";
  }
  return text + "\n]}\n";
}

std::string figures_table(const Figures& figures) {
  constexpr std::size_t kTitle = 34;
  constexpr std::size_t kColumn = 14;
  std::string text;
  for (const auto& [name, value] : figures.facts)
    text += text_of("%-9s ", name.c_str()) + value + "\n";
  text += "\nMedians of rounds in turns; what is no time is in relation to " + figures.reference +
          ".\n\n" + std::string(kTitle, ' ');
  const std::vector<std::string> contenders = figures.contenders();
  for (const std::string& who : contenders)
    text += padded(who, kColumn);
  for (const Figure& figure : figures.all) {
    text += "\n" + figure.shown_name();
    if (figure.shown_name().size() < kTitle) text.append(kTitle - figure.shown_name().size(), ' ');
    for (const std::string& who : contenders)
      text += padded(cell(figures, figure, who), kColumn);
  }
  return text + "\n" + failures_text(figures);
}

}  // namespace nestp::bench
