// The ways to run the measuring program: as it is, under nestp, and under what else is installed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arch/result.h"
#include "fs/session_directory.h"

namespace nestp::bench {

/// The measuring program and its files, in a directory that goes with this object.
class Place {
 public:
  Result<> make();
  const std::string& directory() const { return directory_; }
  std::string program() const { return directory_ + "/loops"; }

 private:
  std::unique_ptr<SessionDirectory> session_;
  std::string directory_;
};

struct Contender {
  std::string name;
  std::vector<std::string> words;  ///< before the program; empty: none
  std::string directory;           ///< the place as the program sees it

  /// The words that measure one operation.
  std::vector<std::string> command(int milliseconds, const std::string& operation) const;
};

/// Those that are there, in the order in which they take turns.  `rootfs`: an absolute path.
std::vector<Contender> contenders(const Place& place, const std::string& rootfs);

}  // namespace nestp::bench
