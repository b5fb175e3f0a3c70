/** The names that Compose looks for, in its order. */
export const composeFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const

/** A file at the top that names the compose file to deploy: `berth deploy --compose` writes it. */
export const composeMark = '.berth-compose'
