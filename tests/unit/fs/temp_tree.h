// A directory of its own for one test, removed with all that is in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace nestp {

class TempTree {
 public:
  TempTree() {
    std::string name = (std::filesystem::temp_directory_path() / "nestp-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    // Links in the way to the temporary directory would look like links of the test.
    path_ = std::filesystem::canonical(name).string();
  }
  ~TempTree() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::string& path() const { return path_; }
  std::string at(const std::string& below) const { return path_ + below; }

  void directory(const std::string& below) const { std::filesystem::create_directories(at(below)); }
  void file(const std::string& below, const std::string& text = "") const {
    std::ofstream(at(below)) << text;
  }
  void link(const std::string& target, const std::string& below) const {
    std::filesystem::create_symlink(target, at(below));
  }

 private:
  std::string path_;
};

}  // namespace nestp
