#include "engine/ptrace/running_programs.h"

namespace nestp {

RunningPrograms::Use::Use(RunningPrograms& programs, const struct stat& file)
    : programs_(programs), key_(file.st_dev, file.st_ino) {
  ++programs_.counts_[key_];
}

RunningPrograms::Use::~Use() {
  const auto place = programs_.counts_.find(key_);
  if (--place->second == 0) programs_.counts_.erase(place);
}

}  // namespace nestp
