// Which files are being executed: they cannot be opened for writing.
//
// The kernel keeps that rule by the file a process really execs, which under
// nestp is the loader; so the tracer keeps it for the program behind it.
#pragma once

#include <map>
#include <memory>
#include <sys/stat.h>
#include <utility>

namespace nestp {

class RunningPrograms {
 public:
  /// Counts one program until it goes out of scope.  Must not outlive the RunningPrograms.
  class Use {
   public:
    Use(RunningPrograms& programs, const struct stat& file);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    RunningPrograms& programs_;
    std::pair<dev_t, ino_t> key_;
  };

  std::shared_ptr<Use> begin(const struct stat& file) { return std::make_shared<Use>(*this, file); }
  bool contains(const struct stat& file) const {
    return counts_.contains({file.st_dev, file.st_ino});
  }

 private:
  std::map<std::pair<dev_t, ino_t>, int> counts_;
};

}  // namespace nestp
