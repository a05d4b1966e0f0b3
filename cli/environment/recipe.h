// A recipe: the settings of an environment to be, its source among them, and what makes it ready.
//
//   source = debian:12
//   setup = apt-get update && apt-get install -y git
//   bind = /data
#pragma once

#include <string>

#include "arch/result.h"
#include "cli/environment/settings.h"

namespace nestp::environment {

/// By its name: NAME.recipe.
bool is_recipe(const std::string& source);
/// The error names file and line.
Result<Settings> read_recipe(const std::string& path);
/// What the recipe says counts more than what the image says.
Settings with_recipe(Settings of_image, const Settings& recipe);

/// Runs the `setup` lines of an environment that is installed; the error names the line.
Result<> run_setup(const std::string& name, const Settings& settings);

}  // namespace nestp::environment
