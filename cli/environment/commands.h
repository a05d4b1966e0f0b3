// nestp install, list, run, remove, clone, rename, backup, restore, export, ps, kill, enter.
#pragma once

#include <span>
#include <string>

namespace nestp::environment {

int run_install(std::span<const std::string> words);
int run_list(std::span<const std::string> words);
int run_run(std::span<const std::string> words);
int run_enter(std::span<const std::string> words);
int run_remove(std::span<const std::string> words);
int run_clone(std::span<const std::string> words);
int run_reset(std::span<const std::string> words);
int run_rename(std::span<const std::string> words);
int run_backup(std::span<const std::string> words);
int run_restore(std::span<const std::string> words);
int run_export(std::span<const std::string> words);
int run_ps(std::span<const std::string> words);
int run_join(std::span<const std::string> words);
int run_kill(std::span<const std::string> words);

}  // namespace nestp::environment
