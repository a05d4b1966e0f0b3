#include "cli/options.h"

#include <algorithm>
#include <charconv>

namespace nestp {
namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

bool is_integer(std::string_view text) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

const Option* find_long(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const Option& option : option_table()) {
    if (std::ranges::find(option.long_names, name) != option.long_names.end()) return &option;
  }
  return nullptr;
}

const Option* find_short(char letter) {
  for (const Option& option : option_table()) {
    if (option.short_names.find(letter) != std::string_view::npos) return &option;
  }
  return nullptr;
}

/// Edits that make one word of the other: insertions, removals, replacements.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t column = 0; column < row.size(); ++column)
    row[column] = column;
  for (std::size_t line = 0; line < from.size(); ++line) {
    std::size_t diagonal = row[0];
    row[0] = line + 1;
    for (std::size_t column = 0; column < to.size(); ++column) {
      const std::size_t replaced = diagonal + (from[line] == to[column] ? 0 : 1);
      diagonal = row[column + 1];
      row[column + 1] = std::min({replaced, row[column] + 1, diagonal + 1});
    }
  }
  return row.back();
}

Error unknown_option(std::string_view word, std::string_view long_name) {
  std::string message = "unknown option " + quoted(word);
  if (long_name.size() < 3 || long_name.size() > 32) return Error{message};
  std::string_view best;
  std::size_t best_distance = 3;  // two slips are a misspelling, three another word
  for (const Option& option : option_table()) {
    if (option.group == Group::hidden) continue;
    for (const std::string_view name : option.long_names) {
      const std::size_t edits = name.empty() ? 3 : distance(long_name, name);
      if (edits < best_distance) {
        best = name;
        best_distance = edits;
      }
    }
  }
  if (!best.empty()) message += ", did you mean '--" + std::string(best) + "'?";
  return Error{message};
}

/// Walks the words of one command line.
class Parser {
 public:
  Parser(Grammar grammar, std::span<const std::string> words) : grammar_(grammar), words_(words) {}

  Result<Request> parse() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_];
      if (!word.starts_with('-')) break;
      // PRoot knows neither "--" nor a lone "-"; nestp takes the latter as a command's name.
      if (grammar_ == Grammar::nestp && word == "-") break;
      ++next_;
      if (grammar_ == Grammar::nestp && word == "--") break;
      const Result<> done = word.starts_with("--") ? long_option(word) : short_options(word);
      if (!done) return done.error();
    }
    request_.command.assign(words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
    return request_;
  }

 private:
  Result<> apply(const Option& option, const std::string& shown, std::string_view value) {
    const Result<> done = option.apply(request_, value);
    return done ? done : Result<>(done.error().in("option " + quoted(shown)));
  }

  bool has_next() const { return next_ < words_.size(); }

  Result<> missing_value(const Option& option, const std::string& shown) {
    return Error{"option " + quoted(shown) + " needs a value: " + std::string(option.metavar)};
  }

  Result<> long_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string shown = word.substr(0, equals);
    const std::string name = shown.substr(2);
    const Option* option = find_long(name);
    if (option == nullptr) return unknown_option(shown, name);
    if (equals != std::string::npos) {
      if (option->value == Value::none) {
        return Error{"option " + quoted(shown) + " takes no value"};
      }
      return apply(*option, shown, std::string_view(word).substr(equals + 1));
    }
    return long_option_apart(*option, shown);
  }

  /// A long option whose value, if any, is the next word.
  Result<> long_option_apart(const Option& option, const std::string& shown) {
    const bool takes_next = grammar_ == Grammar::nestp && has_next();
    switch (option.value) {
      case Value::none:
      case Value::attached:
        return apply(option, shown, {});
      case Value::required:
        if (takes_next || (option.is_apart && has_next())) {
          return apply(option, shown, words_[next_++]);
        }
        if (grammar_ == Grammar::proot && has_next() && option.apply != nullptr) {
          return Error{"option " + quoted(shown) + " and its value must be joined by '=': " +
                       shown + "=" + std::string(option.metavar)};
        }
        return missing_value(option, shown);
      case Value::number:
        if (grammar_ == Grammar::proot) return missing_value(option, shown);
        return number_option(option, shown);
      case Value::topic:
        return apply(option, shown, takes_next ? std::string_view(words_[next_++]) : "");
    }
    return Done{};
  }

  /// The next word if it is a number; else one more than before.
  Result<> number_option(const Option& option, const std::string& shown) {
    if (has_next() && is_integer(words_[next_])) return apply(option, shown, words_[next_++]);
    return apply(option, shown, std::to_string(request_.verbosity + 1));
  }

  Result<> short_options(const std::string& word) {
    if (grammar_ == Grammar::proot) return proot_short_option(word);
    for (std::size_t at = 1; at < word.size(); ++at) {
      const std::string shown = std::string("-") + word[at];
      const Option* option = find_short(word[at]);
      if (option == nullptr) return unknown_option(shown, {});
      std::string_view rest = std::string_view(word).substr(at + 1);
      if (option->value == Value::required) {
        if (!rest.empty()) return apply(*option, shown, trimmed_blank(rest));
        if (!has_next()) return missing_value(*option, shown);
        return apply(*option, shown, words_[next_++]);
      }
      if (option->value == Value::number) {
        if (is_integer(trimmed_blank(rest))) return apply(*option, shown, trimmed_blank(rest));
        Result<> done = rest.empty()
                            ? number_option(*option, shown)
                            : apply(*option, shown, std::to_string(request_.verbosity + 1));
        if (!done) return done;
        continue;
      }
      const bool topic = option->value == Value::topic && rest.empty() && has_next();
      Result<> done = apply(*option, shown, topic ? std::string_view(words_[next_++]) : "");
      if (!done) return done;
    }
    return Done{};
  }

  /// "-b /x" in one word is PRoot's; without this nestp's grammar would bind " /x".
  static std::string_view trimmed_blank(std::string_view text) {
    return text.starts_with(' ') ? text.substr(1) : text;
  }

  Result<> proot_short_option(const std::string& word) {
    const std::string shown = word.substr(0, 2);
    const Option* option = word.size() < 2 ? nullptr : find_short(word[1]);
    if (option == nullptr) return unknown_option(word, {});
    const bool wants_value = option->value == Value::required || option->value == Value::number;
    if (!wants_value) {
      if (word.size() > 2) return unknown_option(word, {});
      return apply(*option, shown, {});
    }
    if (word.size() > 2) {
      if (word[2] == ' ') return apply(*option, shown, std::string_view(word).substr(3));
      return Error{"option " + quoted(shown) + " and its value must be separated by a space"};
    }
    if (!has_next()) return missing_value(*option, shown);
    return apply(*option, shown, words_[next_++]);
  }

  const Grammar grammar_;
  const std::span<const std::string> words_;
  std::size_t next_ = 0;
  Request request_;
};

}  // namespace

const Option* find_option(std::string_view name) {
  if (name.starts_with("--")) return find_long(name.substr(2));
  if (name.starts_with('-')) name.remove_prefix(1);
  return name.size() == 1 ? find_short(name[0]) : find_long(name);
}

Result<RequestedBinding> parse_binding(std::string_view text) {
  RequestedBinding binding;
  const std::size_t colon = text.find(':');
  binding.host = text.substr(0, colon);
  if (binding.host.empty()) {
    return Error{quoted(text) + " names no host path"};
  }
  if (colon == std::string_view::npos) {
    binding.guest = binding.host;
    return binding;
  }
  std::string_view guest = text.substr(colon + 1);
  if (guest.ends_with('!')) {
    guest.remove_suffix(1);
    binding.keep_last_link = true;
  }
  if (guest.empty()) return Error{quoted(text) + " names no guest path after ':'"};
  binding.guest = guest;
  return binding;
}

Result<Request> parse_options(Grammar grammar, std::span<const std::string> words) {
  return Parser(grammar, words).parse();
}

std::optional<std::string_view> find_variable(std::span<const std::string> environment,
                                              std::string_view name) {
  for (const std::string_view variable : environment) {
    if (variable.starts_with(name) && variable.substr(name.size()).starts_with('=')) {
      return variable.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

Result<> apply_proot_variables(Request& request, std::span<const std::string> environment) {
  if (find_variable(environment, "PROOT_NO_SECCOMP")) request.accelerate = false;
  if (find_variable(environment, "PROOT_IGNORE_MISSING_BINDINGS")) {
    request.ignore_missing_bindings = true;
  }
  if (const auto directory = find_variable(environment, "PROOT_TMP_DIR")) {
    request.loader_directory = *directory;
  }
  const auto verbosity = find_variable(environment, "PROOT_VERBOSE");
  if (!verbosity || request.verbosity_given) return Done{};
  const auto [end, code] =
      std::from_chars(verbosity->data(), verbosity->data() + verbosity->size(), request.verbosity);
  if (code != std::errc() || end != verbosity->data() + verbosity->size()) {
    return Error{"variable PROOT_VERBOSE: " + quoted(*verbosity) + " is not a number"};
  }
  return Done{};
}

}  // namespace nestp
