FROM maven:3.9-eclipse-temurin-17 AS build
WORKDIR /src
COPY pom.xml ./
RUN mvn -B dependency:go-offline
COPY src src
RUN mvn -B -DskipTests package dependency:copy-dependencies

FROM eclipse-temurin:17-jre
WORKDIR /app
COPY --from=build /src/target/dependency dependency
COPY --from=build /src/target/*.jar ./
CMD ["java", "-cp", "hello-1.jar:dependency/*", "hello.Main"]
