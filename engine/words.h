// Words of a command as execve(2) takes them.
#pragma once

#include <string>
#include <vector>

namespace nestp {

/// Addresses of the words, with a null behind them; valid while `words` is neither changed nor
/// moved.
inline std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  all.reserve(words.size() + 1);
  for (std::string& word : words)
    all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace nestp
