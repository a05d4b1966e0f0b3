#include "cli/bench/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace nestp::bench {
namespace {

// Pixels.
constexpr double kLabels = 270, kBars = 560, kBar = 11, kGap = 10, kTop = 70;

struct Bar {
  std::string contender;
  double ratio;
};

std::string number(double value, int digits = 1) {
  std::array<char, 32> text;
  (void)std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string text_at(double x, double y, const std::string& text, const char* anchor = "start",
                    int size = 12) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor +
         "\" font-size=\"" + std::to_string(size) + "\">" + escaped(text) + "</text>\n";
}

std::string box(double x, double y, double width, double height, const std::string& colour) {
  return "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
         "\" height=\"" + number(height) + "\" fill=\"" + colour + "\"/>\n";
}

std::string colour_of(const std::string& contender) {
  for (const KnownContender& known : known_contenders()) {
    if (known.name == contender) return std::string(known.colour);
  }
  return "#444";
}

std::vector<Bar> bars_of(const Figures& figures, const Figure& figure) {
  std::vector<Bar> bars;
  for (const std::string& who : figures.contenders()) {
    if (who == figures.reference) continue;
    if (const auto ratio = figures.ratio(figure, who)) bars.push_back({who, *ratio});
  }
  return bars;
}

/// Pixels of a ratio: logarithmic from 1, as ratios span two orders of magnitude.
class Scale {
 public:
  explicit Scale(double largest) : largest_(std::max(largest, 2.0)) {}
  double operator()(double ratio) const {
    return kBars * std::max(std::log10(std::max(ratio, 1.0)), 0.004) / std::log10(largest_);
  }
  double largest() const { return largest_; }

 private:
  double largest_;
};

std::string grid(const Scale& scale, double bottom) {
  std::string text;
  for (const double ratio : {1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0}) {
    if (ratio > scale.largest()) break;
    text.append(box(kLabels + scale(ratio), kTop, 1, bottom - kTop, "#ccc"));
    text.append(text_at(kLabels + scale(ratio), kTop - 4,
                        number(ratio, ratio == 1.5 ? 1 : 0) + " x", "middle", 10));
  }
  return text;
}

std::string legend(const std::vector<std::string>& contenders) {
  std::string text;
  double x = kLabels;
  for (const std::string& who : contenders) {
    text += box(x, 40, 12, 12, colour_of(who)) + text_at(x + 16, 51, who);
    x += 95;
  }
  return text;
}

std::string heading(const Figures& figures) {
  const std::string reference =
      figures.reference == "native" ? "the host itself" : "a real " + figures.reference;
  std::string text = "Time in relation to " + reference;
  for (const char* const name : {"date", "cpu"}) {
    if (const std::string fact = figures.fact(name); !fact.empty()) text += ", " + fact;
  }
  return text;
}

}  // namespace

std::string chart_svg(const Figures& figures) {
  std::vector<std::pair<const Figure*, std::vector<Bar>>> groups;
  double largest = 0;
  for (const Figure& figure : figures.all) {
    std::vector<Bar> bars = bars_of(figures, figure);
    if (bars.empty() || figure.part == "micro") continue;
    for (const Bar& bar : bars)
      largest = std::max(largest, bar.ratio);
    groups.emplace_back(&figure, std::move(bars));
  }
  const Scale scale(largest);
  std::string drawn;
  std::vector<std::string> present;
  double y = kTop + kGap;
  for (const auto& [figure, bars] : groups) {
    const double middle = y + kBar * static_cast<double>(bars.size()) / 2;
    drawn += text_at(kLabels - 8, middle + 4, figure->shown_name(), "end");
    for (const Bar& bar : bars) {
      if (std::ranges::find(present, bar.contender) == present.end())
        present.push_back(bar.contender);
      drawn += box(kLabels, y, scale(bar.ratio), kBar - 1, colour_of(bar.contender));
      drawn +=
          text_at(kLabels + scale(bar.ratio) + 4, y + kBar - 2, number(bar.ratio, 2), "start", 9);
      y += kBar;
    }
    y += kGap;
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(kLabels + kBars + 60) +
         "\" height=\"" + number(y + 12) +
         "\" font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
         text_at(12, 24, heading(figures), "start", 15) + legend(present) + grid(scale, y) + drawn +
         "</svg>\n";
}

}  // namespace nestp::bench
