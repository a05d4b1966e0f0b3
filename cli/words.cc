#include "cli/words.h"

namespace nestp {
namespace {

constexpr std::string_view kBlanks = " \t\n\r\v\f";

/// Reads one word from the start of `text`, which begins with no blank.
class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> read_all() {
    std::vector<std::string> words;
    while (true) {
      while (at_ < text_.size() && kBlanks.find(text_[at_]) != std::string_view::npos)
        ++at_;
      if (at_ == text_.size()) return words;
      word_.clear();
      if (const auto done = read(); !done) return done.error();
      words.push_back(word_);
    }
  }

 private:
  Result<> read() {
    while (at_ < text_.size() && kBlanks.find(text_[at_]) == std::string_view::npos) {
      const char letter = text_[at_++];
      if (letter == '\'' || letter == '"') {
        if (auto done = read_quoted(letter); !done) return done;
      } else if (letter == '\\' && at_ < text_.size()) {
        word_ += text_[at_++];
      } else {
        word_ += letter;
      }
    }
    return Done{};
  }

  Result<> read_quoted(char quote) {
    while (at_ < text_.size()) {
      const char letter = text_[at_++];
      if (letter == quote) return Done{};
      const bool escapes = quote == '"' && letter == '\\' && at_ < text_.size() &&
                           std::string_view("\"\\$`").find(text_[at_]) != std::string_view::npos;
      word_ += escapes ? text_[at_++] : letter;
    }
    return Error{std::string("a ") + quote + " has no end in: " + std::string(text_)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
};

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) {
  return WordReader(text).read_all();
}

std::string quoted_word(std::string_view word) {
  std::string text = "'";
  for (const char letter : word) {
    if (letter == '\'') {
      text += "'\\''";
    } else {
      text += letter;
    }
  }
  return text + "'";
}

std::string joined_command(std::span<const std::string> words, Joining joining) {
  constexpr std::string_view kSpecial = "\"$`\\!'";
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    const bool has_blank = word.find_first_of(kBlanks) != std::string::npos;
    const bool has_quote = word.find_first_of("\"'\\") != std::string::npos;
    if (joining == Joining::evaluated && !word.empty() && !has_blank && !has_quote) {
      text += word;
    } else if (joining == Joining::evaluated && has_blank &&
               word.find_first_of(kSpecial) == std::string::npos) {
      text += '"' + word + '"';  // as JuNest has it
    } else {
      text += quoted_word(word);
    }
  }
  return text;
}

}  // namespace nestp
